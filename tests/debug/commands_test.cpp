// Owns the tests of the debugger's command line: a session with the visor as a transcript, expressions, bad
// input.
#include <fmt/format.h>

#include "tests/debug/prompt.h"

namespace ringside {
namespace {

// Each part comes after the one before it.
bool in_order(const std::string& text, std::initializer_list<std::string_view> parts) {
  std::size_t at = 0;
  for (const std::string_view part : parts) {
    at = text.find(part, at);
    if (at == text.npos) {
      MESSAGE("missing, or not in this order: ", std::string(part));
      return false;
    }
    at += part.size();
  }
  return true;
}

TEST_CASE("a session: the first VMLAUNCH, its VMCS, into the guest, the first EPT violation explained") {
  Prompt c;
  // Its instruction is in "run_guest".
  CHECK(in_order(c.run("tbreak run_guest"), {"temporary breakpoint 1", "run_guest"}));
  CHECK(in_order(c.run("continue"), {"temporary breakpoint 1", "CPU 0, root (VMCS 0xa000), ring 0, 64-bit",
                                     "<run_guest>", "run.inc"}));
  CHECK(in_order(c.run("vmcs guest"), {"GUEST_RIP"}));
  CHECK(has(c.run("vmcs list"), "clear"));
  CHECK(in_order(c.run("run-to entry"),
                 {"VM entry 1 of VMCS 0xa000", "guest of VMCS 0xa000, ring 0", "<guest_start>", "=> "}));
  CHECK(has(c.run("vmcs list"), "launched"));
  CHECK(c.run("vmcs at 0xa000 GUEST_RIP") == c.run("vmcs GUEST_RIP"));
  c.refused("vmcs at 0xb000");
  c.refused("vmcs at");
  CHECK(in_order(c.run("step"), {"guest of VMCS 0xa000", "guest_start+"}));
  CHECK(has(c.run("catch ept"), "breakpoint 2: any EPT violation"));
  CHECK(in_order(c.run("continue"), {"breakpoint 2: VM exit, reason 48: EPT violation", "0x205000",
                                     "root (VMCS 0xa000)", "<vm_exit>"}));
  CHECK(in_order(c.run("explain"), {"reason 48", "EPT violation: write of guest-physical 0x205000",
                                    "EPT PML4E", "PML4E", "guest-physical 0x205000", "EPT PTE"}));
  CHECK(in_order(c.run("walk gpa 0x205000"), {"EPT PML4E", "EPT PDPTE", "EPT PDE", "EPT PTE"}));
  CHECK(in_order(c.run("backtrace"), {"vm_exit", "guest_start"}));
  CHECK(has(c.run("info breakpoints"), "any EPT violation, 1 hit"));
  c.run("delete");
  c.run("continue");
  CHECK(in_order(c.run("explain"),
                 {"the last VM exit: reason 2, Triple fault", "its VMCS is not current any more"}));
}

TEST_CASE("VMX instructions that fail: VMfailInvalid, VMfailValid, #UD and #GP, each explained at the stop") {
  Prompt c("refusals");
  c.run("tbreak without_vmcs");
  c.run("continue");
  CHECK(in_order(c.run("catch vmfail"), {"breakpoint 2: VMX instruction that fails"}));
  CHECK(in_order(c.run("continue"), {"breakpoint 2: VMfailInvalid: there is no current VMCS",
                                     "(vmlaunch at 0x", "CPU 0, root"}));
  CHECK((c.cpu().eflags() & Eflags::CF) != 0);
  CHECK(has(c.run("explain"), "VMfailInvalid"));
  CHECK(in_order(c.run("continue"), {"VMfailValid 26", "(vmlaunch at 0x", "behind_mov_ss"}));
  CHECK(has(c.run("continue"), "VMfailValid 4: VMLAUNCH with non-clear VMCS"));
  CHECK(has(c.run("continue"), "VMfailValid 5: VMRESUME with non-launched VMCS (vmresume at"));
  // One error only; and entries that are refused by whatever: a rule of the VMCS, or the instruction's own.
  c.run("delete");
  CHECK(has(c.run("catch vmfail 8"), "VMfailValid 8 (VM entry with invalid host-state field(s))"));
  CHECK(has(c.run("continue"), "VMfailValid 8"));
  CHECK(has(c.run("explain"), "host."));

  Prompt d("refusals");
  d.run("catch refused");
  CHECK(has(d.run("continue"), "VM entry refused: VMfailInvalid"));
  CHECK(has(d.run("continue"), "VM entry refused: VMfailValid 26"));
  CHECK(has(d.run("continue"), "VM entry refused: VMfailValid 4"));
  CHECK(has(d.run("continue"), "VM entry refused: VMfailValid 5"));
  CHECK(has(d.run("continue"), "VM entry refused: controls.pin.reserved"));
  std::string stop;
  for (unsigned n = 0; n < 20 && !has(stop, "(VM exit, reason 33)"); ++n) stop = d.run("continue");
  CHECK(in_order(stop, {"VM entry refused at RIP 0x", "<enter (refusals/refusals.asm:", "guest."}));
}

TEST_CASE("VMX instructions that fault") {
  Guest guest;
  // vmptrst [20000h]; and behind a #UD handler that skips it: vmxon [20000h] without its bit in CR4
  guest.bytes({0x0f, 0xc7, 0x3d}).number(0x20000, 4);
  const u64 second = guest.next;
  guest.bytes({0x90, 0xf3, 0x0f, 0xc7, 0x35}).number(0x20000, 4);
  const u64 third = guest.next;
  guest.bytes({0x0f, 0x01, 0xd4}).hlt();  // vmfunc
  Debugger debugger(*guest.machine);
  Symbols symbols;
  std::string output;
  Commands commands(debugger, symbols, [&](std::string_view text) { output += text; });
  const auto run = [&](std::string_view line) {
    output.clear();
    CHECK(commands.execute(line) == Commands::Result::done);
    return output;
  };
  run("catch vmfail fault");
  CHECK(in_order(run("continue"), {"breakpoint 1: #UD", "not in VMX operation", "(vmptrst", "at 0x10000)"}));
  CHECK(guest.cpu().rip == Guest::handler(6));  // the handler is next
  CHECK(has(run("explain"), "#UD"));
  guest.cpu().rip = guest.cpu().next_rip = second;
  CHECK(in_order(run("continue"), {"#UD: CR4.VMXE is 0", "(vmxon", fmt::format("at {:#x})", second + 1)}));
  guest.cpu().cr4 |= Cr4::VMXE;
  guest.cpu().msr.feature_control = 0;
  guest.cpu().rip = guest.cpu().next_rip = second;
  CHECK(in_order(run("continue"), {"#GP: ", "(vmxon"}));
  guest.cpu().rip = guest.cpu().next_rip = third;
  CHECK(in_order(run("continue"), {"#UD: VMFUNC is of guests only", "(vmfunc"}));
}

TEST_CASE("a script ends at its first failure and says where") {
  Prompt c;
  CHECK(c.commands.execute_script("# nothing\n\nwhere\nnonsense\nwhere\n", "test.dbg") ==
        Commands::Result::failed);
  CHECK(in_order(c.output, {"CPU 0", "test.dbg:4: nonsense: no such command"}));
  CHECK(c.commands.execute_script("where\nquit\nnonsense", "test.dbg") == Commands::Result::quit);
}

TEST_CASE("expressions") {
  Prompt c;
  const auto value = [&](std::string_view text) {
    std::string error;
    const auto result = c.commands.expressions().evaluate(text, error);
    CHECK_MESSAGE(result.has_value(), text, ": ", error);
    return result.value_or(0xdead);
  };
  CHECK(value("1 + 2 * 3") == 7);
  CHECK(value("(1 + 2) * 3") == 9);
  CHECK(value("10 - 4 - 3") == 3);
  CHECK(value("1 << 4 | 1 == 1 && 2 > 1") == 1);
  CHECK(value("0x10 + 10h + 10") == 42);
  CHECK(value("-1") == ~u64{0});
  CHECK(value("!0 + ~0") == 0);
  CHECK(value("1 != 2") == 1);
  CHECK(value("1 << 64") == 0);
  CHECK(value("cs.base + rip") == 0xfffffff0);
  CHECK(value("main") == *c.symbols.address("main"));
  CHECK(value("main - 2 < main") == 1);
  CHECK(value("[0xfffffff0].1") == value("phys[0xfffffff0].b"));
  std::string error;
  for (const std::string_view bad :
       {"",      "1 +",    "(1",      "[",   "[1",  "[1].3",   "1 / 0",
        "1 % 0", "nosuch", "0x",      "12z", "1 2", "rax rbx", "99999999999999999999",
        ")",     "gpa[0]", "what[1]", "$",   "#",   "1 = 2",   "\x80"}) {
    error.clear();
    CHECK_MESSAGE(!c.commands.expressions().evaluate(bad, error).has_value(), bad);
    CHECK_MESSAGE(!error.empty(), bad);
  }
  const std::string deep(100'000, '('), signs(100'000, '-');
  CHECK(!c.commands.expressions().evaluate(deep, error).has_value());
  CHECK(!c.commands.expressions().evaluate(signs, error).has_value());
  CHECK(!c.commands.expressions().evaluate(std::string(100'000, '['), error).has_value());
  CHECK(!c.commands.expressions().evaluate("0x10000000000000000", error).has_value());
  CHECK(error == "0x10000000000000000: too large; numbers have 64 bits");
}

TEST_CASE("conditions of the command line") {
  Prompt c;
  c.run("break vm_exit if vmcs.EXIT_REASON == 10 && nonroot == 0");
  CHECK(has(c.run("c"), "breakpoint 1"));
  CHECK((*c.cpu().vmx->current)[Field::EXIT_REASON] == 10);
  c.run("condition 1");
  c.run("ignore 1 3");
  const u64 exits = c.cpu().vmx->current->exits;
  c.run("c");
  CHECK(c.cpu().vmx->current->exits == exits + 4);
  // What cannot be evaluated stops, and says why.
  c.run("condition 1 [0x7f0000000000].1 == 0");
  CHECK(has(c.run("c"), "its condition cannot be evaluated: 0x7f0000000000 cannot be read"));
}

TEST_CASE("restart and run: from the first instruction again, breakpoints stay") {
  Prompt c;
  c.run("break run_guest");
  CHECK(has(c.run("run"), "breakpoint 1"));  // nothing had run: it only goes on
  const u64 there = c.machine->retired();
  c.run("set [0x5000].4 = 0x1234");
  CHECK(in_order(c.run("restart"), {"CPU 0, VMX off, ring 0", "=> 0xfffffff0"}));
  CHECK(c.machine->retired() == 0);
  CHECK(has(c.run("print exits"), "0x0"));
  CHECK(c.run("print [0x5000].4").starts_with("0x0"));
  CHECK(has(c.run("continue"), "breakpoint 1"));
  CHECK(c.machine->retired() == there);
  // After the end.
  c.run("delete");
  c.run("tbreak vm_exit");
  c.run("continue");
  CHECK(has(c.run("continue"), "powered"));
  c.run("watch gpa 0x205000 4");
  CHECK(has(c.run("run"), "watchpoint 3"));
  CHECK(has(c.run("info breakpoints"), "3  write of 4 bytes at guest-physical 0x205000, 1 hit"));
  // A machine that cannot start again says why and stays.
  c.commands.on_restart([](std::string& error) {
    error = "the file has gone";
    return false;
  });
  CHECK(has(c.refused("restart"), "cannot be started again: the file has gone"));
  CHECK(c.cpu().non_root);
}

TEST_CASE("hold: CPUs that stand still, and cpu: which one steps") {
  Prompt c("visor", 2);
  CHECK(has(c.run("hold"), "no CPU is held still"));
  CHECK(has(c.run("cpu 1"), "CPU 1, VMX off, ring 0, real mode, waiting for SIPI"));
  CHECK(has(c.run("hold others"), "held still: CPU 0"));
  CHECK(has(c.run("continue"), "every CPU waits"));
  CHECK(c.machine->retired() == 0);
  CHECK(has(c.run("hold 1"), "held still: CPU 1"));
  CHECK(has(c.run("step"), "CPU 1 is held still"));
  c.refused("hold 0 1");
  c.refused("hold 2");
  c.refused("hold x");
  c.run("cpu 0");
  CHECK(has(c.run("step 5"), "CPU 0"));
  CHECK(c.machine->retired() == 5);
  CHECK(has(c.run("hold none"), "no CPU is held still"));
}

TEST_CASE("set changes registers, bits and memory") {
  Prompt c;
  c.run("set rbx = 0x1234");
  CHECK(c.run("p rbx + 1").starts_with("0x1235"));
  c.run("set [0x5000].4 = rbx");
  CHECK(c.run("print [0x5000].2").starts_with("0x1234"));
  c.run("set eflags.cf = 1");
  CHECK(c.run("print eflags.cf").starts_with("0x1 "));
  c.refused("set count = 1");
  c.refused("set rax");
  c.refused("set [0x5000].4 = 0x100000000");
  c.refused("set [0x5000 = 1");
  c.refused("set [0xfffffff0] = 1");
}

TEST_CASE("bad input: one line, and the next command works") {
  Prompt c;
  for (const std::string_view bad : {"nonsense",
                                     "e",
                                     "break",
                                     "break nosuch",
                                     "break *",
                                     "break nosuch.inc:1",
                                     "break main if nosuch",
                                     "break main cpu 7",
                                     "break main extra",
                                     "watch",
                                     "watch main 0",
                                     "watch phys",
                                     "watch gpa 0x1000 5000",
                                     "catch vmfail 64",
                                     "catch vmfail 14",
                                     "catch vmfail nosuch",
                                     "catch",
                                     "catch nothing",
                                     "catch exit nosuchreason",
                                     "catch exit 99",
                                     "catch exit vm",
                                     "catch vmwrite NOSUCH",
                                     "catch port 0x10000",
                                     "catch port 5 4",
                                     "catch exception 256",
                                     "condition",
                                     "condition 7",
                                     "condition x",
                                     "ignore 1",
                                     "delete 3",
                                     "enable 4294967297",
                                     "cpu 9",
                                     "run-to",
                                     "run-to nowhere",
                                     "step nosuch",
                                     "step -1",
                                     "next -1",
                                     "continue -1",
                                     "finish now",
                                     "until",
                                     "x/9999999",
                                     "x/4q rip",
                                     "x 0x1000 0x2000",
                                     "walk",
                                     "walk phys 1",
                                     "vmcs NOSUCH",
                                     "symbols /no/such/file",
                                     "symbols",
                                     "info nosuch",
                                     "registers nosuch",
                                     "print",
                                     "help nosuch",
                                     "send x",
                                     "set",
                                     "disassemble nosuch"}) {
    c.output.clear();
    const Commands::Result result = c.commands.execute(bad);
    const bool may_succeed = bad == "symbols";
    CHECK_MESSAGE((result == Commands::Result::failed || may_succeed), bad);
    CHECK_MESSAGE(!c.output.empty(), bad);
    if (!may_succeed)
      CHECK_MESSAGE(std::count(c.output.begin(), c.output.end(), '\n') == 1, bad, ": ", c.output);
  }
  CHECK(has(c.run("where"), "CPU 0"));
}

TEST_CASE("every command has help with an example, and every alias leads to a command") {
  Prompt c;
  const std::string all = help_of_commands();
  for (const Command& command : command_table()) {
    CHECK(has(all, command.name));
    if (!command.act) continue;
    CHECK(has(help_of_command(command.name), command.example));
    CHECK_MESSAGE(command.example.starts_with(command.name), command.name);
  }
  for (const Alias& alias : alias_table()) {
    CHECK_MESSAGE(!help_of_command(alias.name).empty(), alias.name);
    for (const Command& command : command_table()) CHECK_MESSAGE(command.name != alias.name, alias.name);
  }
}

TEST_CASE("completion: commands, words of their arguments, registers, fields, symbols") {
  Prompt c;
  const auto offers = [&](std::string_view line, std::string_view word) {
    const auto found = c.commands.complete(line);
    return std::find(found.begin(), found.end(), word) != found.end();
  };
  CHECK(offers("br", "break"));
  CHECK(offers("help dis", "disassemble"));
  CHECK(offers("run-to e", "exit"));
  CHECK(offers("break run_", "run_guest"));
  CHECK(offers("b run_", "run_guest"));
  CHECK(offers("print cr0.p", "cr0.pg"));
  CHECK(offers("print [rs", "rsp"));
  CHECK(offers("p vmcs.GUEST_RI", "vmcs.GUEST_RIP"));
  CHECK(c.commands.complete("nosuch nosuch").empty());
}

}  // namespace
}  // namespace ringside
