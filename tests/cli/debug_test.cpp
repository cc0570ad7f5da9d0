// Owns the tests of `ringside debug` as a program: scripts, pipes, a terminal, Ctrl-C.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/cli/program.h"
#include "tests/guests/kvm_symbols.h"

namespace ringside::cli {
namespace {

TEST_CASE("debug: scripts, and their exit status") {
  const Folder folder;
  const std::string good = folder.write("good", "catch exit cpuid\ncontinue\nexplain\n");
  const Result done = run({"debug", "-x", good, "-ex", "print count", "--batch"});
  CHECK(done.status == 0);
  CHECK(has(done.out, "breakpoint 1: VM exit, reason 10"));
  CHECK(has(done.out, "CPU 0, root (VMCS 0xa000)"));
  const Result failed = run({"debug", "-x", folder.write("bad", "where\nnonsense\n"), "--batch"});
  CHECK(failed.status == 1);
  CHECK(has(failed.err, "bad:2: nonsense: no such command"));
  CHECK(run({"debug", "-x"}).status == 2);
  CHECK(run({"debug", "-nosuch"}).status == 2);
  CHECK(run({"debug", "-x", folder / "missing", "--batch"}).status == 1);
}

TEST_CASE("debug: the built-in guest comes with its names and source lines") {
  const Result done = run({"debug", "-ex", "info symbols", "-ex", "break run_guest", "-ex", "continue", "-ex",
                           "list", "--batch"});
  CHECK(done.status == 0);
  CHECK(has(done.out, "visor            0xf0000-0x100000"));
  CHECK(has(done.out, "<run_guest>, visor/run.inc:"));
  CHECK(has(done.out, "\n=> "));
  // A firmware image does with the ELF file beside it, and a kernel that is one.
  const Folder folder;
  const std::string roms = RINGSIDE_BINARY_DIR "/roms/";
  const auto symbols_of = [](const char* flag, const std::string& image) {
    return run({"debug", flag, image, "-ex", "info symbols", "--batch"}).out;
  };
  CHECK(has(symbols_of("-bios", roms + "visor.bin"), "visor            0xf0000-0x100000"));
  const std::string alone = folder.write("visor.bin", read_file(roms + "visor.bin"));
  CHECK(has(symbols_of("-bios", alone), "no symbols are loaded"));
  // What stands beside it and is no ELF file is left alone.
  folder.write("visor.elf", "not at all");
  CHECK(has(symbols_of("-bios", alone), "no symbols are loaded"));
}

TEST_CASE("debug: --at-line stops behind a line of the output, and --last-exits tells what VMX did before") {
  const Result done = run({"debug", "--at-line", "22", "--last-exits", "2", "-ex", "print exits", "--batch"});
  CAPTURE(done.out);
  CHECK(done.status == 0);
  CHECK(has(done.out, "\nline 22 of the output is complete\nCPU 0, root (VMCS 0xa000)"));
  CHECK(has(done.out, "<putc+"));
  CHECK(has(done.out, "\n0x8 = 8\n"));
  CHECK(has(done.out, "the last events of VMX:\nVM exit 7: reason 61, RDSEED\n"));
  CHECK(has(done.out, "\nVM exit 8: reason 30, I/O instruction: OUT port 0x80, 1 byte\n"));
  CHECK_FALSE(has(done.out, "VM exit 6: "));
  // A line that never comes: the machine stands where it ends.
  CHECK(has(run({"debug", "--at-line", "100000", "--batch"}).out,
            "the guest powered the machine off\nCPU 0, "));
  for (const char* flag : {"--at-line", "--last-exits"}) {
    CHECK(run({"debug", flag, "none"}).status == 2);
    CHECK(run({"debug", flag}).status == 2);
  }
}

TEST_CASE("debug: questions are answered, and flags that only a run heeds are named") {
  CHECK(has(run({"debug", "--help"}).out, "\n  run-to "));
  CHECK(run({"debug", "-device", "help"}).out == run({"devices"}).out);
}

TEST_CASE("debug: --max-instructions ends what runs, and the session") {
  const Folder folder;
  const std::string stats = folder / "stats.json";
  const Result result = run({"debug", "-max-instructions", "900", "-ex", "continue", "-ex", "print 40 + 2",
                             "--batch", "--stats", stats});
  CHECK(result.status == 124);
  CHECK(has(result.err, "--max-instructions 900: reached (after 900 instructions)"));
  CHECK(has(result.err, "CPU 0, "));  // and where it was
  CHECK_FALSE(has(result.out, "42"));
  CHECK(has(read_file(stats), "\"instructions\": 900"));
  const Result steps = run({"debug", "-max-instructions", "9", "-ex", "stepi 20", "--batch"});
  CHECK(steps.status == 124);
  CHECK(run({"debug", "-max-instructions", "9", "-ex", "stepi 5", "--batch"}).status == 0);
}

// Prints how often it was started, which RAM keeps, and resets the machine by port 64H; the third time it
// halts for ever.
const std::string three_starts = firmware({0x31, 0xc0, 0x8e, 0xd8,  // ds = 0
                                           0xfe, 0x06, 0x00, 0x50,  // inc byte [5000h]
                                           0xba, 0xf8, 0x03, 0xa0, 0x00, 0x50, 0x04, 0x30,  // al = it + '0'
                                           0xee, 0x3c, 0x33, 0x74, 0x05,                    // '3': to the end
                                           0xb0, 0xfe, 0xe6, 0x64, 0xf4,                    // reset
                                           0xfa, 0xf4});

TEST_CASE("debug: continue goes on after a reset of the guest's, which is told") {
  const Folder folder;
  const std::string rom = folder.write("rom", three_starts);
  const Result all = run({"debug", "-bios", rom, "-ex", "continue", "--batch"});
  CHECK(has(all.out, "1\nthe guest asked for a reset"));
  CHECK(has(all.out, "2\nthe guest asked for a reset"));
  CHECK(has(all.out, "3\n"));
  const Result once = run({"debug", "-bios", rom, "-no-reboot", "-ex", "continue", "--batch"});
  CHECK(has(once.out, "1\nthe guest asked for a reset"));
  CHECK_FALSE(has(once.out, "2"));
  // Breakpoints stay, and a log has each.
  const std::string log = folder / "log";
  CHECK(has(run({"debug", "-bios", rom, "-d", "cpu_reset,int", "-D", log, "-ex", "break 0xfffffff0", "-ex",
                 "continue", "-ex", "print count", "--batch"})
                .out,
            "breakpoint 1"));
  CHECK(has(read_file(log), "reset            0 0 root  RESET#\n"));
}

TEST_CASE("-d logs what runs, on standard error or into a file; the run is the same") {
  const Folder folder;
  const std::string log = folder / "log", plain = folder / "plain.json", logged = folder / "logged.json";
  const Result both = run({"-d", "exec,in_asm,int", "-D", log, "--stats", logged});
  CHECK(both.status == 0);
  CHECK(run({"--stats", plain}).status == 0);
  const auto hash = [](const std::string& stats) {
    const std::size_t at = stats.find("\"state_hash\"");
    return stats.substr(at, stats.find('\n', at) - at);
  };
  CHECK(hash(read_file(plain)) == hash(read_file(logged)));
  const std::string text = read_file(log);
  CHECK(text.starts_with("exec             0 0 root  0x00000000fffffff0"));
  CHECK(has(text, "<guest_start>  mov "));
  CHECK(has(run({"-d", "vmx"}).err, "VM entry of VMCS 0xa000\n"));
  CHECK(has(run({"-d", "help"}).out, "\n  in_asm "));
  CHECK(has(run({"-d", "exec,unimp"}).err, "-d unimp: no such log; there are exec, in_asm"));
  CHECK(has(run({"-d", "exec", "-dfilter", "main"}).err, "-dfilter main: not a range of addresses"));
  const Result some = run({"-d", "exec", "-dfilter", "0xfffffff0+16"});
  CHECK(has(some.err, "0x00000000fffffff0"));
  CHECK_FALSE(has(some.err, "<start>"));
  CHECK(run({"-d", "exec", "-D", log, "--stats", log}).status == 1);
  CHECK(run({"-d", "exec", "-D", folder / "no/such"}).status == 1);
  // The debugger's own words for the same; what the session writes is not written over.
  const Result traced = run({"debug", "-ex", "trace exec count 2", "-ex", "stepi 5", "-ex",
                             "trace exec to " + plain, "--stats", plain, "--batch"});
  CHECK(has(traced.out, "exec             1 0 root  0x"));
  CHECK(has(traced.err, "trace ... to " + plain + ": --stats"));
}

TEST_CASE("names on the command line: for the debugger, and for VM exits in words") {
  const std::string elf = RINGSIDE_BINARY_DIR "/roms/refusals.elf",
                    bin = RINGSIDE_BINARY_DIR "/roms/refusals.bin";
  const Result named = run({"explain", "-bios", bin, "--symbols", elf});
  CHECK(has(named.err, "VMWRITE at RIP 0x"));
  CHECK(has(named.err, "(refusals/"));
  // They are used without being asked for where they stand beside the image.
  const Folder folder;
  CHECK(has(run({"explain", "-bios", bin}).err, "(refusals/"));
  CHECK(!has(run({"explain", "-bios", folder.write("refusals.bin", read_file(bin))}).err, "(refusals/"));
  // The built-in guest's are known.
  CHECK(has(run({"explain"}).err, " <guest_start+0x"));
  const Result both = run({"debug", "-bios", bin, "--symbols", elf + ",0x1000,guest", "--symbols",
                           elf + ",root", "-ex", "info symbols", "--batch"});
  CHECK(has(both.out, "refusals-root    0xf0000-0x100000"));
  CHECK(has(both.out, "0xf1000-0x101000"));
  for (const char* subcommand : {"explain", "run", "debug"}) {
    const Result bad = run({subcommand, "-bios", bin, "--symbols", "/no/such/file"});
    CHECK(bad.status == 1);
    CHECK(has(bad.err, "--symbols /no/such/file: No such file"));
  }
  CHECK(run({"debug", "--symbols", "", "--batch"}).status == 2);
}

TEST_CASE("debug: commands from a pipe; after an error the next one is read") {
  const Result result = run({"debug"}, "nonsense\nstep 3\nprint count\n");
  CHECK(result.status == 0);
  CHECK(has(result.out, "nonsense: no such command"));
  CHECK(has(result.out, "0x3 = 3"));
  CHECK(!has(result.out, "\x1b["));
}

TEST_CASE("debug: a terminal, completion, and Ctrl-C that stops what runs") {
  if (!has_terminals()) return;
  const Folder folder;
  const std::string loop = folder.write("loop", [] {
    std::string rom(0x10000, '\xf4');
    // mov dx, 3f8h; mov al, '@'; out dx, al; jmp $
    rom.replace(0xfff0, 8, "\xba\xf8\x03\xb0\x40\xee\xeb\xfe");
    return rom;
  }());
  Running debugger({"debug", "-bios", loop}, Running::With::terminal);
  CHECK(debugger.wait_for("(ringside) "));
  debugger.type("help disas\t\n");
  CHECK(debugger.wait_for("example: disassemble"));
  debugger.type("continue\n");
  CHECK(debugger.wait_for("@"));
  debugger.type("\x03");
  CHECK(debugger.wait_for("interrupted"));
  debugger.type("quit\n");
  CHECK(debugger.finish() == 0);
}

TEST_CASE("debug: a screenful at a time on a terminal, wrapped between words") {
  if (!has_terminals()) return;
  constexpr std::string_view last = "help COMMAND shows an example";
  Running debugger({"debug", "-serial", "null"}, Running::With::terminal);
  debugger.resize(60, 12);
  CHECK(debugger.wait_for("(ringside) "));
  debugger.type("help\n");
  REQUIRE(debugger.wait_for("--More--"));
  const std::string first = debugger.output().substr(debugger.output().find("Running\r\n"));
  CHECK(std::count(first.begin(), first.end(), '\n') == 11);
  std::istringstream lines(first.substr(0, first.rfind('\n')));
  for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 61, line);  // with its \r
  debugger.type("q");
  CHECK(debugger.wait_for("\r\033[K"));
  CHECK_FALSE(has(debugger.output(), last));
  debugger.forget();
  debugger.type("help\n");
  CHECK(debugger.wait_for("--More--"));
  debugger.type("\r");
  debugger.type(std::string(60, ' '));
  CHECK(debugger.wait_for(last));
  debugger.type("\x15set pager off\n");
  debugger.forget();
  debugger.type("help\necho it is over\n");
  CHECK(debugger.wait_for("\nit is over"));
  CHECK(has(debugger.output(), last));
  debugger.type("quit\n");
  CHECK(debugger.finish() == 0);

  Running without({"debug", "-serial", "null", "-nopager"}, Running::With::terminal);
  without.resize(60, 12);
  CHECK(without.wait_for("(ringside) "));
  without.type("help\n");
  CHECK(without.wait_for(last));
  CHECK_FALSE(has(without.output(), "--More--"));
  without.type("quit\n");
  CHECK(without.finish() == 0);
}

TEST_CASE("debug: what a run's flags ask for is done in a session, too") {
  const Folder folder;
  const std::string rows = folder / "rows.jsonl", stats = folder / "stats.json",
                    coverage = folder / "coverage";
  const Result whole = run({"debug", "-ex", "run", "--batch", "--trace-exits", rows, "--stats", stats,
                            "--vmx-coverage", coverage, "--expect", "I have seen everything"});
  CHECK(whole.status == 0);
  CHECK(has(whole.err, "the serial output matched --expect"));
  CHECK(has(whole.out, "interrupted"));
  CHECK(has(read_file(stats), "\"expected\""));
  CHECK(has(read_file(rows), "EPT violation"));
  CHECK(has(read_file(coverage), "Exit reasons"));
  CHECK(has(whole.err, "VM exits"));
  // The rows are those of the machine that was started last, and the ones before it.
  const std::string once = folder / "once.jsonl", twice = folder / "twice.jsonl";
  CHECK(run({"debug", "-ex", "run", "--batch", "--trace-exits", once}).status == 0);
  CHECK(run({"debug", "-ex", "run", "-ex", "run", "--batch", "--trace-exits", twice}).status == 0);
  CHECK(read_file(twice) == read_file(once) + read_file(once));
  const Result none = run({"debug", "-ex", "step", "--batch", "--expect", "nothing says this"});
  CHECK(none.status == 1);
  CHECK(has(none.err, "--expect nothing says this: the run ended without a match (the debugger"));
  CHECK(has(run({"debug", "-ex", "run-to exit", "--batch", "--explain"}).err, "VM exit 1: reason 18"));
}

TEST_CASE("debug: --timeout ends what runs, and the session") {
  const Folder folder;
  const std::string loop = folder.write("loop", [] {
    std::string rom(0x10000, '\xf4');
    rom.replace(0xfff0, 2, "\xeb\xfe");
    return rom;
  }());
  // The step out of a function that never ends has slices, too.
  for (const char* command : {"continue", "finish", "step 0xffffffffffff"}) {
    const Result late =
        run({"debug", "-bios", loop, "-ex", command, "-ex", "print 42", "--batch", "--timeout", "0.2"});
    CHECK(late.status == 124);
    CHECK(has(late.err, "--timeout 0.2: reached"));
    CHECK_FALSE(has(late.out, "42"));
  }
  CHECK(run({"debug", "-bios", loop, "--timeout", "0.2"}, "continue\nprint 42\n").status == 124);
}

TEST_CASE("debug: KVM's first VM entry, a step into its guest, the first EPT violation") {
  const std::vector<std::string> guest = kvm_guest();
  if (guest.empty()) return;
  const Folder scripts;
  const std::string script = scripts.write(
      "kvm", "run-to entry\nwhere\nvmcs guest\ncatch ept\ncontinue\nexplain\nvmcs list\nbacktrace\n");
  std::vector<std::string> words = {"debug", "-x", script, "--batch"};
  words.insert(words.end(), guest.begin(), guest.end());
  const Result result = run(words);
  CHECK(result.status == 0);
  CHECK(has(result.out, "VM entry 1 of VMCS"));
  CHECK(has(result.out, "guest of VMCS"));
  CHECK(has(result.out, "real mode, 0x1000"));
  CHECK(has(result.out, "6800 GUEST_CR0"));
  CHECK(has(result.out, "VMWRITE at RIP 0xffffffff"));  // who wrote it: kvm-intel
  CHECK(has(result.out, "reason 48: EPT violation"));
  CHECK(has(result.out, "EPT PML4E"));
  CHECK(has(result.out, "<- not present"));
  CHECK(has(result.out, "current  launched"));
}

// The kernel's debugging information is in a package of Debian's, too: RINGSIDE_KVM_SYMBOLS names the folder
// that has its boot/ and lib/, the "usr/lib/debug" of linux-image-*-dbg.
TEST_CASE("debug: KVM's functions and lines, its modules, and the way from its caller to the VM exit") {
  const std::vector<std::string> guest = kvm_guest();
  const std::map<std::string, std::string> symbols = kvm_symbols();
  if (guest.empty() || symbols.empty()) return;
  std::string script = "run-to entry\nrun-to exit\nsymbols " + symbols.at("KERNEL") + " find as linux\n";
  for (const char* const module : {"KVM", "KVM_INTEL"})
    script += "symbols " + symbols.at(module) + " find root\n";
  script += "backtrace\nbreak handle_ept_violation\ncontinue\nwhere\nbacktrace\nvmcs HOST_CR0\n";
  const Folder scripts;
  std::vector<std::string> words = {"debug", "-x", scripts.write("kvm", script), "--batch"};
  words.insert(words.end(), guest.begin(), guest.end());
  const Result result = run(words);
  CHECK(result.status == 0);
  CHECK(has(result.out, "gate 14 is asm_exc_page_fault"));
  CHECK(has(result.out, "the kernel's list of modules has kvm_intel, its code at 0xffffffff"));
  CHECK(has(result.out, "  vmx_vmexit  vmx/vmenter.S:"));
  CHECK(has(result.out, "(found on the stack)"));
  CHECK(has(result.out, "<handle_ept_violation>, vmx/vmx.c:"));
  CHECK(has(result.out, "  vcpu_enter_guest, inlined  kvm/x86.c:"));
  CHECK(has(result.out, "  entry_SYSCALL_64_after_hwframe+0x"));
  CHECK(has(result.out, "(by ORC)"));
  CHECK(has(result.out, "<- vmx_set_constant_host_state+0x"));
}

}  // namespace
}  // namespace ringside::cli
