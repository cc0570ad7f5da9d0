// Owns the tests of `ringside debug` as a program: scripts, pipes, a terminal, Ctrl-C.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

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

TEST_CASE("debug: questions are answered, and flags that only a run heeds are named") {
  CHECK(has(run({"debug", "--help"}).out, "\n  run-to "));
  CHECK(run({"debug", "-device", "help"}).out == run({"devices"}).out);
  const Result result = run({"debug", "-max-instructions", "9", "-ex", "where", "--batch"});
  CHECK(result.status == 0);
  CHECK(has(result.err, "warning: --max-instructions: does nothing under ringside debug"));
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
  const char* folder = std::getenv("RINGSIDE_KVM_SYMBOLS");
  if (guest.empty() || !folder) return;
  namespace fs = ::std::filesystem;
  std::string kernel, script = "run-to entry\nrun-to exit\n";
  for (const auto& file : fs::directory_iterator(fs::path(folder) / "boot")) kernel = file.path().string();
  script += "symbols " + kernel + " find as linux\n";
  for (const auto& file : fs::recursive_directory_iterator(fs::path(folder) / "lib")) {
    if (file.path().filename() == "kvm.ko" || file.path().filename() == "kvm-intel.ko")
      script += "symbols " + file.path().string() + " find root\n";
  }
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
  CHECK(has(result.out, "<vmx_set_constant_host_state+0x"));
}

}  // namespace
}  // namespace ringside::cli
