// Owns the boot of Debian's Linux as a domain of roms/loft: RINGSIDE_GUESTS names the folder with the image
// of linux.sh.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "tests/cli/program.h"

namespace ringside::cli {

TEST_CASE("Linux is a domain of the loft, on one CPU and on two, and does its work") {
  const std::string at = guest_images("linux"), roms = RINGSIDE_BINARY_DIR "/roms/";
  if (at.empty()) return;
  if (!std::filesystem::exists(roms + "loft.elf")) {
    MESSAGE("skipped: roms/loft was not built, because the build's compiler is not one for x86-64");
    return;
  }
  for (const std::string cpus : {"1", "2"}) {
    CAPTURE(cpus);
    const Result result = run({"-nographic", "-no-reboot", "-m", "512", "-smp", cpus, "--timeout", "1800",
                               "-kernel", roms + "loft.elf", "-initrd",
                               roms + "loft-control.elf," + at + "/vmlinuz memory=256 serial console=ttyS0," +
                                   at + "/linux.cpio ramdisk",
                               "--expect", "^GUEST-READY", "--expect", "^WORK-DONE"});
    INFO(result.out.substr(result.out.size() - std::min<std::size_t>(result.out.size(), 2000)));
    INFO(result.err);
    CHECK(result.status == 0);
  }
}

TEST_CASE("Linux does its work without VPID and with lazily switched registers, on two CPUs") {
  const std::string at = guest_images("linux"), roms = RINGSIDE_BINARY_DIR "/roms/";
  if (at.empty() || !std::filesystem::exists(roms + "loft.elf")) return;
  const Result result = run({"-nographic", "-no-reboot", "-m", "512", "-smp", "2", "--timeout", "1800",
                             "-kernel", roms + "loft.elf", "-append", "no-vpid lazy-fpu", "-initrd",
                             roms + "loft-control.elf," + at + "/vmlinuz memory=256 serial console=ttyS0," +
                                 at + "/linux.cpio ramdisk",
                             "--expect", "^GUEST-READY", "--expect", "^WORK-DONE"});
  INFO(result.out.substr(result.out.size() - std::min<std::size_t>(result.out.size(), 2000)));
  INFO(result.err);
  CHECK(result.status == 0);
}

TEST_CASE(
    "Linux finds Hyper-V below it where a domain of the loft is made so, reads the time from its page, and "
    "calls it") {
  const std::string at = guest_images("linux"), roms = RINGSIDE_BINARY_DIR "/roms/";
  if (at.empty() || !std::filesystem::exists(roms + "loft.elf")) return;
  const Result result = run(
      {"-nographic", "-no-reboot", "-m", "512", "--timeout", "1800", "-kernel", roms + "loft.elf", "-initrd",
       roms + "loft-control.elf," + at + "/vmlinuz memory=256 serial hyperv console=ttyS0 work=0," + at +
           "/linux.cpio ramdisk",
       "--expect", "^GUEST-READY", "--expect", "^clocksource .*$"});
  INFO(result.out.substr(0, 4000));
  CHECK(result.status == 0);
  for (const std::string_view line :
       {"Hypervisor detected: Microsoft Hyper-V", "Hyper-V: privilege flags low 0xa62",
        "Hyper-V: Host Build 1.0", "loft: domain 1 calls Hyper-V, first HvExtCallQueryCapabilities",
        "APIC: Switch to virtual wire mode setup with no configuration",
        "tsc: Detected 2000.000 MHz processor", "Booting paravirtualized kernel on Hyper-V",
        "Switched to clocksource hyperv_clocksource_tsc_page"}) {
    CAPTURE(line);
    CHECK(has(result.out, line));
  }
}

}  // namespace ringside::cli
