// Owns the tests of UEFI: Debian's OVMF starts programs from a folder, shows them on a screen, and resets and
// powers off. What is not installed is skipped with a line.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <regex>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

const std::string ovmf = "/usr/share/ovmf/OVMF.fd";
const std::string program = RINGSIDE_BINARY_DIR "/roms/efi_vmx.efi";
const std::string symbols = RINGSIDE_BINARY_DIR "/roms/efi_vmx.elf";

bool there() {
  for (const std::string& needed : {ovmf, program, std::string("/usr/bin/mformat")}) {
    if (fs::exists(needed)) continue;
    MESSAGE("skipped: ", needed, " is not there; OVMF comes with ovmf, mformat with mtools");
    return false;
  }
  return true;
}

// A machine with OVMF, and a disk that is `folder`.
Words machine(const std::string& folder, const Words& more = {}) {
  Words all{"-m", "256", "-bios", ovmf, "-drive", "file=fat:" + folder, "-vga", "std", "-no-reboot"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// The program as what firmware starts by itself.
void install(const Folder& folder) {
  fs::create_directories(folder / "EFI/BOOT");
  fs::copy_file(program, folder / "EFI/BOOT/BOOTX64.EFI");
}

// What the shell does with these lines.
Result in_shell(const std::string& lines, const Words& more = {}) {
  const Folder folder;
  fs::copy_file(program, folder / "efi_vmx.efi");
  folder.write("startup.nsh", lines);
  return run(machine(folder / ".", more));
}

const Words limit{"-nographic", "--max-instructions", "3000000000"};

}  // namespace

TEST_CASE("a UEFI program is started from a folder, enters VMX operation and powers off") {
  if (!there()) return;
  const Folder folder;
  install(folder);
  const Result plain = run(machine(folder / ".", limit));
  CAPTURE(plain.err);
  CHECK(plain.status == 0);
  for (const std::string_view line :
       {"in VMX root operation, the current VMCS is 0xffffffffffffffff", "VMXOFF"}) {
    CAPTURE(line);
    CHECK(has(plain.out, line));
  }
  CHECK_FALSE(has(plain.out, "refused"));
  std::smatch at;
  REQUIRE(std::regex_search(plain.out, at, std::regex("loaded at (0x[0-9a-f]+)")));

  // The next run loads it at the same place: stop at its VMXON, by symbol and by line.
  Words debug =
      machine(folder / ".", {"-serial", "null", "--batch", "-ex", "symbols " + symbols + " " + at[1].str()});
  for (const char* command :
       {"break vmxon", "continue", "list", "backtrace", "nexti 4", "catch exception", "finish", "where"})
    debug.insert(debug.end(), {"-ex", command});
  debug.insert(debug.begin(), "debug");
  const Result stopped = run(debug);
  CAPTURE(stopped.out);
  CAPTURE(stopped.err);
  CHECK(has(stopped.out, "VMX off, ring 0, 64-bit mode"));
  CHECK(has(stopped.out, "vmxon(unsigned long long)>, efi_vmx/efi_vmx.cpp:"));
  CHECK(std::regex_search(stopped.out, std::regex("enter_and_leave[^\n]*efi_vmx/efi_vmx\\.cpp:[0-9]+")));
  CHECK(has(stopped.out, "CPU 0, root"));
}

TEST_CASE("a VMXON that is refused under UEFI is explained") {
  if (!there()) return;
  struct Case {
    const char* word;
    const char* says;
    int status;
  };
  for (const Case& c : {Case{"vmxe", "#UD: CR4.VMXE is 0", 124},
                        Case{"revision", "does not begin with the VMCS revision identifier", 0},
                        Case{"unaligned", "is not aligned to 4096 bytes", 0},
                        Case{"twice", "the CPU is in VMX operation already", 0}}) {
    CAPTURE(c.word);
    const Result result = in_shell("efi_vmx.efi " + std::string(c.word) + "\r\n",
                                   {"-serial", "null", "--explain", "--max-instructions", "1500000000"});
    CHECK(has(result.err, c.says));
    CHECK(result.status == c.status);
  }
}

TEST_CASE("UEFI's shell resets the machine and powers it off") {
  if (!there()) return;
  struct Case {
    const char* line;
    const char* reason;
  };
  for (const Case& c :
       {Case{"reset -s", "the guest powered the machine off"},
        Case{"reset -w", "the guest asked for a reset"}, Case{"reset -c", "the guest asked for a reset"}}) {
    CAPTURE(c.line);
    const Folder folder;
    Words more = limit;
    more.insert(more.end(), {"--stats", folder / "stats.json"});
    const Result result = in_shell(std::string(c.line) + "\r\n", more);
    CHECK(result.status == 0);
    CHECK(has(read_file(folder / "stats.json"), c.reason));
  }
}

}  // namespace ringside::cli
