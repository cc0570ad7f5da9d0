// Owns the boots of media that Debian's packages bring as they are, by firmware and judged by their screens:
// memtest86+, iPXE, GRUB's floppy, U-Boot's ROMs. What is not installed is skipped with a line.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

using Words = std::vector<std::string>;

bool is_there(const std::string& file, const char* package) {
  for (const std::string& needed : {file, std::string("/usr/share/seabios/bios-256k.bin")}) {
    if (std::filesystem::exists(needed)) continue;
    MESSAGE("skipped: ", needed, " is not there; install ", needed == file ? package : "seabios");
    return false;
  }
  return true;
}

// Runs until `row` stands on the screen.
void boots(Words machine, const Words& keys, const std::string& row) {
  machine.insert(machine.end(), {"-serial", "null", "--timeout", "600", "--expect-screen", row});
  for (const std::string& typed : keys) machine.insert(machine.end(), {"--type", typed});
  const Result result = run(machine);
  INFO(result.err);
  CHECK(result.status == 0);
}

}  // namespace

TEST_CASE("memtest86+ tests the memory, on one CPU and on two, and finds no fault") {
  const std::string cd = "/usr/lib/memtest86+/memtest86+x64.iso";
  if (!is_there(cd, "memtest86+")) return;
  // A line of the screen is waited for in the order of the words: with the fifth test the count of errors is
  // about four.
  const auto tests = [&](const Words& cpus, const std::string& shown) {
    Words all{"-m", "32", "-cdrom", cd, "--expect-screen", shown, "--expect-screen", "Test #4"};
    all.insert(all.end(), cpus.begin(), cpus.end());
    boots(all, {"<screen start testing>\n"}, "Errors: 0 *$");
  };
  tests({"-smp", "1"}, "1 Cores 1 Threads");
  tests({"-smp", "2"}, "2 Cores 2 Threads.*SMP: 2T");
}

TEST_CASE("iPXE comes to its prompt and says that there is no network") {
  const std::string cd = "/usr/lib/ipxe/ipxe.iso";
  if (!is_there(cd, "ipxe")) return;
  boots({"-m", "64", "-cdrom", cd}, {"<screen Press Ctrl-B><ctrl-b><screen ^iPXE.$>autoboot\n"},
        "No more network devices");
}

TEST_CASE("GRUB's floppy comes to its menu") {
  const std::string floppy = "/usr/lib/grub-rescue/grub-rescue-floppy.img";
  if (!is_there(floppy, "grub-rescue-pc")) return;
  boots({"-m", "64", "-fda", floppy}, {}, "[*]GNU/Linux");
}

// 32 bits: without a screen, as U-Boot runs the video BIOS with segments of 64 KiB, which SeaBIOS's reads the
// EDID beyond.
TEST_CASE("U-Boot's ROMs come to their prompts") {
  const std::string roms = "/usr/lib/u-boot/";
  if (!is_there(roms + "qemu-x86_64/u-boot.rom", "u-boot-qemu")) return;
  for (const std::string rom : {"qemu-x86", "qemu-x86_64"}) {
    const Result result = run({"-nographic", "-vga", "none", "-m", "256", "-bios", roms + rom + "/u-boot.rom",
                               "--timeout", "600", "--expect", "^=> "},
                              "\n\n");
    INFO(result.err);
    CHECK(result.status == 0);
  }
}

}  // namespace ringside::cli
