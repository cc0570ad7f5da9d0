// Owns the table of the debugger's commands and that of their other spellings.
#include <fmt/format.h>

#include "frontend/commands/commands_actions.h"

namespace ringside {
namespace {

constexpr Command group(std::string_view title) { return {title, {}, {}, {}, nullptr}; }

constexpr Command commands[] = {
    group("Running"),
    {"step", "[COUNT]", "run to the next line of source, or COUNT lines; one instruction where none is known",
     "step 10", act::step, true},
    {"next", "[COUNT]", "step, but a call, INT or repeated string instruction runs to its end", "next",
     act::next, true},
    {"stepi", "[COUNT]", "run one instruction of this CPU, or COUNT", "stepi 10", act::step_instruction,
     true},
    {"nexti", "[COUNT]", "stepi, but a call, INT or repeated string instruction runs to its end", "nexti",
     act::next_instruction_over, true},
    {"finish", "", "run until the present function has returned", "finish", act::finish, true},
    {"until", "ADDRESS", "run to an address, on this CPU", "until 0xf1234", act::until, true},
    {"continue", "[COUNT]", "run until something stops the machine, or COUNT instructions", "continue",
     act::resume, true},
    {"run-to", "exit|entry|interrupt|exception|ring|mode",
     "run to the next VM exit, VM entry, interrupt, exception, change of ring or of mode", "run-to exit",
     act::run_to, true},
    {"cpu", "[NUMBER]", "which CPU steps and is looked at; without NUMBER where all of them are", "cpu 1",
     act::cpu, true},
    {"hold", "[CPU...|others|none]",
     "CPUs that stand still while the rest run and step; without arguments who does", "hold others",
     act::hold},
    {"restart", "", "back to the machine's first instruction, at any time; breakpoints stay", "restart",
     act::restart, true},
    {"run", "", "restart, if anything has run yet, and continue", "run", act::run, true},
    {"trace", "[on|off] [WORD[,WORD...]] [to FILE] [count N] [cpu N] [root|guest] [in RANGE]",
     "log what runs: exec, in_asm, cpu, int, vmx, cpu_reset; RANGE is FIRST..LAST, FIRST+BYTES or a function",
     "trace exec,in_asm,int to log.txt in main..vm_exit", act::trace},
    {"send", "TEXT", "to the guest's serial port; \\n, \\r, \\t, \\xHH are characters", "send ls\\n",
     act::send},

    group("Breakpoints"),
    {"break", "[guest|gpa|phys] ADDRESS [cpu N] [if EXPR]",
     "stop before the instruction at an address; guest: only while a guest runs", "break vm_exit if rax != 0",
     act::set_breakpoint},
    {"tbreak", "[guest|gpa|phys] ADDRESS [cpu N] [if EXPR]", "the same, once", "tbreak main",
     act::set_temporary},
    {"watch", "[guest|gpa|phys] ADDRESS [BYTES] [cpu N] [if EXPR]",
     "stop after a write to memory; gpa: by the guest; page walks and devices are not seen", "watch 0x8000 4",
     act::watch_writes},
    {"rwatch", "[guest|gpa|phys] ADDRESS [BYTES] [cpu N] [if EXPR]", "stop after a read", "rwatch gpa 0x7000",
     act::watch_reads},
    {"awatch", "[guest|gpa|phys] ADDRESS [BYTES] [cpu N] [if EXPR]", "stop after a read or a write",
     "awatch rsp 8", act::watch_accesses},
    {"catch",
     "exit [REASON] | refused | vmfail [ERROR|invalid|fault] | vmwrite [FIELD] | ept [FIRST [LAST]] | msr "
     "[r|w] [NUMBER] | port [r|w] "
     "[FIRST "
     "[LAST]] | exception [VECTOR] | interrupt [VECTOR]   [cpu N] [if EXPR]",
     "stop after an event: a VM exit, a refused VM entry, a VMX instruction that fails, ...",
     "catch ept 0x1000 0x1fff", act::catch_event},
    {"condition", "ID [EXPR]", "stop only if EXPR is not 0; without EXPR always", "condition 2 count > 5000",
     act::condition},
    {"ignore", "ID COUNT", "pass over the next COUNT hits", "ignore 1 99", act::ignore},
    {"enable", "[ID...]", "breakpoints, or all", "enable 1 2", act::enable},
    {"disable", "[ID...]", "breakpoints, or all", "disable", act::disable},
    {"delete", "[ID...]", "breakpoints, or all", "delete 3", act::remove},
    {"commands", "[ID]",
     "the lines that follow, up to end, run when breakpoint ID stops; without ID the last one", "commands 1",
     act::commands},

    group("Looking"),
    {"where", "", "this CPU: root or guest of which VMCS, ring, mode, address, symbol, source line", "where",
     act::where, true},
    {"explain", "[pending]",
     "in words: the last VM exit with its walk, or why the last VM entry was refused; pending: what waits",
     "explain", act::explain, true},
    {"pending", "[all]", "interrupts and other events that wait, what holds each back, and until when",
     "pending", act::pending, true},
    {"registers", "[general|control|segments|debug|msrs|x87|vector|all]",
     "with control registers and hidden segment parts decoded", "registers control", act::registers, true},
    {"print", "[/FORMAT] EXPR",
     "a value: of registers, memory, variables and their parts (task->pid, *regs, table[3]); formats x z d u "
     "o t "
     "c a",
     "print [rsp] + 8", act::print, true},
    {"whatis", "EXPR", "the type of a value", "whatis rax", act::whatis, true},
    {"x", "[/COUNT[b|h|w|g][x|z|d|u|o|t|c|a|s|i]] [guest|gpa|phys] [ADDRESS]",
     "memory: COUNT units of 1, 2, 4, 8 bytes, strings, or instructions", "x/8g rsp", act::examine, true},
    {"display", "[/FORMAT] [EXPR]", "print or x at each stop; without EXPR what is displayed",
     "display/3i $pc", act::display},
    {"undisplay", "[NUMBER]", "no longer; without NUMBER nothing", "undisplay 1", act::undisplay},
    {"disassemble", "[ADDRESS] [COUNT]", "instructions in this CPU's mode", "disassemble main 20",
     act::disassemble, true},
    {"list", "[FILE:LINE|LINE[,LAST]|ADDRESS|-]",
     "source lines around a place, or around the stop; again: the lines after those, -: before",
     "list run.inc:33", act::list},
    {"directory", "[FOLDER|none]",
     "where sources are, if not where the compiler read them, and separate debug files",
     "directory linux-6.1", act::directory},
    {"backtrace", "", "who called whom, in the hypervisor and in its guest", "backtrace", act::backtrace,
     true},
    {"frame", "[NUMBER]", "choose a frame of the backtrace for locals, print and list", "frame 1", act::frame,
     true},
    {"up", "[COUNT]", "choose the caller's frame", "up", act::up, true},
    {"down", "[COUNT]", "choose the frame that this one called", "down", act::down, true},
    {"locals", "", "the function's parameters and variables, at the stop", "locals", act::locals, true},
    {"ptype", "TYPE [[guest] ADDRESS]", "a structure's members, with what they hold at an address",
     "ptype kvm_vcpu rdi", act::ptype, true},
    {"vmcs", "[list] | [at REGION] [check|controls|host|guest|injection|exit|FIELD]",
     "the current VMCS, or any that was, decoded: what is forbidden, who wrote it; list: all regions' lives",
     "vmcs GUEST_RIP", act::vmcs, true},
    {"walk", "[guest|gpa] ADDRESS", "each entry that translating an address reads", "walk gpa 0x7000",
     act::walk, true},
    {"info",
     "breakpoints|registers|cpus|locals|symbols|vmcs|gdt|ldt|idt|tss|pages|mem|tlb|ept|mtrr|lbr|lapic|ioapic|irq|"
     "memory|fpu|pic|devices|"
     "vector",
     "a table of the machine", "info gdt", act::information, true},
    {"symbols", "[FILE [OFFSET|find] [root|guest] [as NAME]]",
     "load names and source lines: ELF, System.map, Xen's map; find: where the kernel put itself",
     "symbols vmlinux", act::symbols, true},

    group("Changing and leaving"),
    {"set", "REGISTER = EXPR | [ADDRESS].SIZE = EXPR | pager on|off | width N",
     "a register, a bit of one, or memory; or how long output is shown", "set rax = 5", act::set},
    {"source", "FILE", "the commands in a file; the first that fails ends it", "source setup.txt",
     act::source},
    {"echo", "TEXT", "print it, for scripts; \\n is a new line", "echo here\\n", act::echo},
    {"help", "[COMMAND]", "all commands, or one with its example", "help break", act::help},
    {"quit", "", "leave", "quit", act::help},
};

constexpr Alias aliases[] = {
    {"s", "step"},
    {"si", "stepi"},
    {"n", "next"},
    {"ni", "nexti"},
    {"f", "frame"},
    {"system_reset", "restart"},
    {"starti", "restart"},
    {"log", "trace"},
    {"calc", "print"},
    {"output", "print"},
    {"inspect", "print"},
    {"ptime", "print count"},
    {"print-stack", "x/16g rsp"},
    {"vmexitbp", "catch exit"},
    {"unwatch", "delete"},
    {"thbreak", "tbreak"},
    {"gva2gpa", "walk"},
    {"gpa2hpa", "walk gpa"},
    {"unassemble", "disassemble"},
    {"disasm", "disassemble"},
    {"mmx", "registers x87"},
    {"sse", "registers vector"},
    {"ymm", "registers vector"},
    {"c", "continue"},
    {"cont", "continue"},
    {"r", "registers"},
    {"reg", "registers"},
    {"regs", "registers"},
    {"fin", "finish"},
    {"advance", "until"},
    {"u", "until"},
    {"b", "break"},
    {"lb", "break"},
    {"hbreak", "break"},
    {"tb", "tbreak"},
    {"pb", "break phys"},
    {"pbreak", "break phys"},
    {"d", "delete"},
    {"del", "delete"},
    {"bpe", "enable"},
    {"bpd", "disable"},
    {"blist", "info breakpoints"},
    {"p", "print"},
    {"xp", "x phys"},
    {"dis", "disassemble"},
    {"disas", "disassemble"},
    {"bt", "backtrace"},
    {"l", "list"},
    {"dir", "directory"},
    {"w", "where"},
    {"creg", "registers control"},
    {"sreg", "registers segments"},
    {"dreg", "registers debug"},
    {"fpu", "registers x87"},
    {"thread", "cpu"},
    {"file", "symbols"},
    {"symbol-file", "symbols"},
    {"add-symbol-file", "symbols"},
    {"ldsym", "symbols"},
    {"rt", "run-to"},
    {"page", "walk"},
    {"i", "info"},
    {"h", "help"},
    {"?", "help"},
    {"q", "quit"},
    {"exit", "quit"},
};

}  // namespace

std::span<const Command> command_table() { return commands; }
std::span<const Alias> alias_table() { return aliases; }

bool act::help(Commands& c, std::string_view arguments) {
  if (arguments.empty()) {
    c.print(help_of_commands());
    return true;
  }
  const std::string text = help_of_command(arguments);
  if (text.empty()) return c.fail(fmt::format("{}: no such command; help lists them", arguments));
  c.print(text);
  return true;
}

}  // namespace ringside
