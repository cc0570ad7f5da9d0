// Owns the boot of Debian's Linux as a guest of roms/lodge: RINGSIDE_GUESTS names the folder with the image
// of linux.sh.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "tests/cli/program.h"

namespace ringside::cli {

TEST_CASE("Linux is a guest of the lodge: its VMM in ring 3 plays the serial port, and a shell answers") {
  const std::string at = guest_images("linux"), roms = RINGSIDE_BINARY_DIR "/roms/";
  if (at.empty()) return;
  if (!std::filesystem::exists(roms + "lodge.elf")) {
    MESSAGE("skipped: roms/lodge was not built, because the build's compiler is not one for x86-64");
    return;
  }
  for (const std::string cpus : {"1", "2"}) {
    CAPTURE(cpus);
    // What is typed waits until Linux listens at its serial port.
    const Result result =
        run({"-nographic", "-no-reboot", "-m", "768", "-smp", cpus, "--timeout", "1800", "-kernel",
             roms + "lodge.elf", "-initrd",
             roms + "lodge-vmm.elf," + roms + "lodge-count.elf," + at + "/vmlinuz," + at + "/linux.cpio",
             "-append",
             "lodge-vmm vmlinuz mem=256 initrd=linux.cpio -- console=ttyS0 shell=1 off=reboot reboot=t; "
             "lodge-count A 4"},
            "echo the shell says $((6 * 7))\nexit\n");
    INFO(result.out.substr(result.out.size() - std::min<std::size_t>(result.out.size(), 2000)));
    INFO(result.err);
    CHECK(result.status == 0);
    for (const std::string_view line :
         {"A: 7837 primes below 80000", "No local APIC present", "GUEST-READY", "the shell says 42",
          "GUEST-OFF", "vmm: the guest has ended: triple fault"}) {
      CAPTURE(line);
      CHECK(has(result.out, line));
    }
  }
}

TEST_CASE(
    "Linux is a guest of the lodge's variants: without VPID and with lazily switched registers, without "
    "unrestricted guests, and by shadow paging") {
  const std::string at = guest_images("linux"), roms = RINGSIDE_BINARY_DIR "/roms/";
  if (at.empty() || !std::filesystem::exists(roms + "lodge.elf")) return;
  for (const std::string words : {"no-vpid lazy-fpu", "no-unrestricted-guest", "no-ept"}) {
    CAPTURE(words);
    const Result result =
        run({"-nographic", "-no-reboot", "-m", "512", "--timeout", "1800", "-kernel", roms + "lodge.elf",
             "-initrd", roms + "lodge-vmm.elf," + at + "/vmlinuz," + at + "/linux.cpio", "-append",
             words + "; lodge-vmm vmlinuz mem=256 initrd=linux.cpio -- console=ttyS0 work=0 "
                     "off=reboot reboot=t"});
    INFO(result.out.substr(result.out.size() - std::min<std::size_t>(result.out.size(), 2000)));
    CHECK(result.status == 0);
    const bool page_faults = has(result.out, " exits by Exception"),
               invlpg = has(result.out, " exits by INVLPG"),
               violations = has(result.out, " exits by EPT violation");
    CHECK(page_faults == (words != "no-unrestricted-guest"));
    CHECK(invlpg == (words == "no-ept"));
    CHECK(violations == (words != "no-ept"));
    for (const std::string_view line :
         {"GUEST-READY", "GUEST-OFF", "vmm: the guest has ended: triple fault"}) {
      CAPTURE(line);
      CHECK(has(result.out, line));
    }
  }
}

TEST_CASE(
    "Linux finds VMware below it where the lodge shows its backdoor, and takes the clock's speed from "
    "there") {
  const std::string at = guest_images("linux"), roms = RINGSIDE_BINARY_DIR "/roms/";
  if (at.empty() || !std::filesystem::exists(roms + "lodge.elf")) return;
  const Result result = run(
      {"-nographic", "-no-reboot", "-m", "512", "--timeout", "1800", "-kernel", roms + "lodge.elf", "-initrd",
       roms + "lodge-vmm.elf," + at + "/vmlinuz," + at + "/linux.cpio", "-append",
       "lodge-vmm vmlinuz mem=256 initrd=linux.cpio as=vmware -- console=ttyS0 work=0 off=reboot reboot=t"});
  INFO(result.out.substr(0, 4000));
  CHECK(result.status == 0);
  for (const std::string_view line :
       {"vmware: hypercall mode: 0x00", "Hypervisor detected: VMware",
        "vmware: TSC freq read from hypervisor : 2000.000 MHz", "tsc: Detected 2000.000 MHz processor",
        "Booting paravirtualized kernel on VMware hypervisor", "GUEST-OFF"}) {
    CAPTURE(line);
    CHECK(has(result.out, line));
  }
}

}  // namespace ringside::cli
