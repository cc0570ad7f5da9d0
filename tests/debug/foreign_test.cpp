// Owns the tests of other debuggers' words: those that work here, and those that are answered with ours.
#include "tests/debug/files.h"
#include "tests/debug/prompt.h"

namespace ringside {
namespace {

TEST_CASE("usual words of gdb, of Bochs and of QEMU's monitor work") {
  Prompt p;
  REQUIRE(p.into_guest());
  for (const std::string_view line :
       {// gdb
        "info registers rip", "info registers rax rbx", "info all-registers", "i r cr0", "info b",
        "info threads", "info display", "info watchpoints", "info frame", "info stack", "info float",
        "info vector", "p $rip", "p/x $sp", "output 5", "x/2i $pc", "x/4xw $sp", "x/s 0x100000",
        "set var $rax = 5", "set $rbx = 6", "set pagination off", "set width 0", "set height 0",
        "set confirm off", "set disassembly-flavor intel", "set architecture i8086", "thbreak *0x5000",
        "disas", "bt", "where", "echo hello\\n", "display/i $pc", "undisplay 1", "si", "ni", "thread 0",
        // Bochs
        "r", "sreg", "creg", "dreg", "fpu", "mmx", "sse", "ymm", "info cpu", "info eflags", "info idt 0 5",
        "info gdt 0", "info tss", "info tab", "info break", "info ivt", "info flags", "lb 0x5000",
        "pb 0x6000", "tb 0x7000", "blist", "bpd 1", "bpe 1", "watch r 0x5000", "watch w 0x5000", "unwatch",
        "print-stack", "ptime", "page 0x1000", "u /3", "unassemble 0x1000 2", "calc 1+2", "vmexitbp",
        "trace off",
        // QEMU
        "info registers", "info pic", "info irq", "info lapic", "info mem", "info tlb", "info mtree",
        "info cpus", "info status", "info qtree", "info pci", "info roms", "xp /4wx 0x7000", "x /2i $eip",
        "print /x 5", "p 6", "gva2gpa 0x1000", "gpa2hpa 0x1000", "log none", "system_reset"}) {
    CHECK_MESSAGE(p.commands.execute(line) == Commands::Result::done, line, ": ", p.output);
    p.output.clear();
  }
}

TEST_CASE("words that are not here are answered with what there is") {
  Prompt p;
  for (const std::string_view line :
       {// gdb
        "jump main", "return", "start", "tui enable", "layout regs", "focus cmd", "shell ls", "!ls", "make",
        "python print(1)", "define x", "kill", "detach", "attach 1", "target remote :1", "reverse-stepi",
        "rc", "checkpoint", "clear", "rbreak x", "handle SIGINT", "signal 0", "skip", "call main()",
        "printf \"%d\", 1", "show version", "info signals", "info functions", "info types", "info line",
        "info source", "info sharedlibrary",
        // Bochs
        "modebp", "vb 8:0x10", "sb 100", "sba 100", "setpmem 0x1000 4 5", "writemem f 0 1", "loadmem f 0",
        "crc 0 100", "trace-reg on", "trace-mem on", "instrument start", "record f", "playback f", "slist",
        // QEMU
        "stop", "nmi", "sendkey a", "gpa2hva 0", "logfile f", "gdbserver", "singlestep on", "device_add x",
        "eject ide1", "screendump f", "mouse_move 1 1", "delvm x", "migrate x", "trace-event x on",
        "memsave 0 1 f", "pmemsave 0 1 f", "o /b 0x3f8 1", "i /b 0x3f8", "info block", "info network",
        "info usb", "info kvm", "info jit", "info history", "info numa", "info snapshots", "info chardev",
        "boot_set a", "watchdog_action none"}) {
    const std::string words = p.refused(line);
    CHECK_MESSAGE(!has(words, "no such command"), line);
    CHECK_MESSAGE(!has(words, "nothing to tell of"), line);
    CHECK_MESSAGE(has(words, "; "), words);
  }
  // No word is both.
  for (const Command& command : command_table()) {
    if (command.act) CHECK_MESSAGE(foreign_word(command.name).empty(), command.name);
  }
  for (const Alias& alias : alias_table()) CHECK_MESSAGE(foreign_word(alias.name).empty(), alias.name);
}

TEST_CASE("a script within a script: the failure's place, quit, and scripts that call themselves") {
  Prompt p;
  std::string told;
  p.commands.on_failure([&](std::string_view line) { told += line; });
  const TemporaryFile inner("where\nnonsense\n");
  CHECK(p.commands.execute_script("echo one\nsource " + inner.path + "\necho two\n", "outer") ==
        Commands::Result::failed);
  CHECK(told == inner.path + ":2: nonsense: no such command; help lists them\n");
  CHECK(has(p.output, "one\n"));
  CHECK_FALSE(has(p.output, "two"));
  const TemporaryFile leaves("quit\necho never\n");
  CHECK(p.commands.execute("source " + leaves.path) == Commands::Result::quit);
  CHECK_FALSE(has(p.output, "never"));
  TemporaryFile itself("");
  std::ofstream(itself.path) << "source " << itself.path << "\n";
  Prompt q;
  CHECK(has(q.refused("source " + itself.path), "scripts run scripts more than 10 deep"));
  q.refused("source");
  q.refused("source /no/such/file");
}

TEST_CASE("info pic: requests, what is in service, masks, and whether INT is up") {
  Prompt p;
  const std::string at_reset = p.run("info pic");
  CHECK(has(at_reset, "master  vectors from "));
  CHECK(has(at_reset, "slave "));
  CHECK(has(at_reset, "  IRR 00  ISR 00  IMR "));
  CHECK(has(p.run("info irq"), "I/O APIC"));
  CHECK(has(p.run("info irq"), "master  vectors from "));
  CHECK(has(p.run("info devices"), "8259"));
}

TEST_CASE("settings: the pager and the width, and those on which nothing depends") {
  Prompt p;
  CHECK(p.commands.screen().pager);
  p.run("set pager off");
  CHECK_FALSE(p.commands.screen().pager);
  p.run("set pagination on");
  CHECK(p.commands.screen().pager);
  p.run("set width 40");
  CHECK(p.commands.screen().width == 40);
  p.run("set height unlimited");
  CHECK(p.commands.screen().height == Commands::Screen::unlimited);
  CHECK(has(p.run("set confirm off"), "nothing depends on it"));
  for (const char* bad : {"set pager", "set pager maybe", "set width", "set width x", "set width 99999"})
    p.refused(bad);
}

}  // namespace
}  // namespace ringside
