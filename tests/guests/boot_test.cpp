// Owns the boots of real systems, judged by what they say on the serial port: Debian's Linux, KVM with a
// Linux in it, Xen with its domains. RINGSIDE_GUESTS names the folder with the images of linux.sh, kvm.sh and
// xen.sh in folders of those names; a boot whose image is not there is skipped with a line. The same from
// CDs, by Debian's SeaBIOS and GRUB.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

using Words = std::vector<std::string>;

struct Boot {
  Result result;
  nlohmann::json statistics;
  bool says(std::string_view marker) const { return has(result.out, marker); }
};

Boot boot(const Words& machine, const std::string& words, const Words& more = {}) {
  const Folder folder;
  const std::string stats = folder / "stats.json";
  Words all{"-nographic", "-no-reboot", "--timeout", "1800", "--stats", stats};
  if (!words.empty()) all.insert(all.end(), {"-append", words});
  all.insert(all.end(), machine.begin(), machine.end());
  all.insert(all.end(), more.begin(), more.end());
  Boot done;
  done.result = run(all);
  INFO(done.result.out.substr(done.result.out.size() - std::min<std::size_t>(done.result.out.size(), 2000)));
  INFO(done.result.err);
  CHECK(done.result.status == 0);
  std::ifstream file(stats);
  done.statistics = nlohmann::json::parse(file, nullptr, false);
  CHECK(done.statistics.is_object());
  return done;
}

Boot linux_boot(const std::string& at, const Words& more) {
  return boot({"-m", "512", "-kernel", at + "/vmlinuz", "-initrd", at + "/linux.cpio"},
              "console=ttyS0,115200", more);
}

// With `parameters` for KVM's modules.
void kvm_boot(const std::string& parameters, const Words& more = {}) {
  const std::string at = guest_images("kvm");
  if (at.empty()) return;
  CAPTURE(parameters);
  const Boot done = boot({"-m", "1024", "-kernel", at + "/vmlinuz", "-initrd", at + "/kvm.cpio"},
                         "console=ttyS0,115200 tag=L1 " + parameters, more);
  for (const std::string_view marker :
       {"L1-READY", "KVMTEST-DONE", "L2-READY", "NESTED-DONE rc=0", "L1-OFF"}) {
    CAPTURE(marker);
    CHECK(done.says(marker));
  }
  CHECK_FALSE(done.says("KVMTEST-FAIL"));
}

// The CD of a guest's folder; empty: there is none, or no firmware, which is said.
std::string guest_cd(const std::string& guest) {
  const std::string at = guest_images(guest), cd = at + "/" + guest + ".iso";
  if (at.empty()) return {};
  for (const std::string& needed : {cd, std::string("/usr/share/seabios/bios-256k.bin")}) {
    if (std::filesystem::exists(needed)) continue;
    MESSAGE("skipped: ", needed, " is not there");
    return {};
  }
  return cd;
}

}  // namespace

TEST_CASE("Linux boots, works, and powers off: the same state from both dispatchers") {
  const std::string at = guest_images("linux");
  if (at.empty()) return;
  const Boot emitted = linux_boot(at, {});
  CHECK(emitted.says("GUEST-READY"));
  CHECK(emitted.says("WORK-DONE"));
  CHECK(emitted.says("GUEST-OFF"));
  const Boot reference = linux_boot(at, {"-accel", "reference"});
  CHECK(reference.result.out == emitted.result.out);
  REQUIRE(emitted.statistics.contains("state_hash"));
  CHECK(emitted.statistics["state_hash"] == reference.statistics["state_hash"]);
  CHECK(emitted.statistics["instructions"] == reference.statistics["instructions"]);
}

TEST_CASE("Linux reads an IDE disk by bus-master DMA, and what it copies there is in the image") {
  const std::string at = guest_images("ide");
  if (at.empty()) return;
  constexpr std::size_t half = 8 << 20;
  std::string bytes(2 * half, '\0');
  std::uint32_t number = 1;
  for (std::size_t n = 0; n < half; ++n) bytes[n] = static_cast<char>((number = number * 69069 + 1) >> 24);
  const Folder folder;
  const std::string image = folder.write("disk.img", bytes);
  const Boot done = boot({"-m", "256", "-kernel", at + "/vmlinuz", "-initrd", at + "/ide.cpio", "-drive",
                          "file=" + image + ",format=raw,if=ide"},
                         "console=ttyS0,115200 work=0");
  for (const std::string_view marker : {"DISK-START mib=16", "DISK-READ", "DISK-COPIED", "GUEST-OFF"}) {
    CAPTURE(marker);
    CHECK(done.says(marker));
  }
  const std::string after = read_file(image);
  REQUIRE(after.size() == 2 * half);
  CHECK(after.substr(0, half) == bytes.substr(0, half));
  CHECK(after.substr(half) == bytes.substr(0, half));
}

TEST_CASE("Linux boots on four CPUs") {
  const std::string at = guest_images("linux");
  if (at.empty()) return;
  const Boot done = linux_boot(at, {"-smp", "4"});
  CHECK(done.says("WORK-DONE"));
  CHECK(done.says("Brought up 1 node, 4 CPUs"));
}

TEST_CASE("KVM runs its test guest and a nested Linux") { kvm_boot(""); }
TEST_CASE("KVM without EPT") { kvm_boot("kvm_intel.ept=0"); }
TEST_CASE("KVM without unrestricted guest") { kvm_boot("kvm_intel.unrestricted_guest=0"); }
TEST_CASE("KVM without APICv") { kvm_boot("kvm_intel.enable_apicv=0"); }
TEST_CASE("KVM on two CPUs") { kvm_boot("", {"-smp", "2"}); }

TEST_CASE("Xen runs a PV dom0, a PVH and a PV domain") {
  const std::string at = guest_images("xen");
  if (at.empty()) return;
  const Boot done = boot({"-m", "1024", "-kernel", at + "/xen", "-initrd",
                          at + "/vmlinuz-dom0 console=hvc0 tag=DOM0," + at + "/xen.cpio"},
                         "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M");
  for (const std::string_view marker : {"DOM0-READY", "PVH-READY", "PV-READY", "XEN-DONE", "DOM0-OFF"}) {
    CAPTURE(marker);
    CHECK(done.says(marker));
  }
  CHECK_FALSE(done.says("PVH-FAIL"));
  CHECK_FALSE(done.says("PV-FAIL"));
}

TEST_CASE("Xen runs an HVM domain: SeaBIOS and GRUB inside, QEMU in dom0 as its device model") {
  const std::string at = guest_images("xenhvm");
  if (at.empty()) return;
  for (const std::string cpus : {"1", "2"}) {
    CAPTURE(cpus);
    const Boot done = boot({"-m", "2048", "-smp", cpus, "-kernel", at + "/xen", "-initrd",
                            at + "/vmlinuz-dom0 console=hvc0 tag=DOM0 domus=hvm," + at + "/xen.cpio"},
                           "console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M");
    for (const std::string_view marker : {"HVM-READY", "HVM-OFF", "XEN-DONE", "DOM0-OFF"}) {
      CAPTURE(marker);
      CHECK(done.says(marker));
    }
    CHECK_FALSE(done.says("HVM-FAIL"));
  }
}

TEST_CASE("Xen runs the tiny guest as an HVM domain, with the words that dom0 has for it") {
  const std::string at = guest_images("xenhvm");
  if (at.empty()) return;
  if (!has(read_file(at + "/xen.cpio"), "boot/tiny.iso")) {
    MESSAGE("skipped: ", at, " was made without TINY");
    return;
  }
  const Boot done =
      boot({"-m", "2048", "-kernel", at + "/xen", "-initrd",
            at + "/vmlinuz-dom0 console=hvc0 tag=DOM0 tiny=2 tiny_type=hvm," + at + "/xen.cpio"},
           "console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M guest_loglvl=all");
  // SeaBIOS and GRUB went before. The serial port is QEMU's, the rest Xen's to answer.
  for (const std::string_view marker :
       {"HVM Loader", "tiny: started by multiboot", "tiny: syscalls: 2000 ", "tiny: absent: 200 ",
        "tiny: serial: 200 ", "tiny: alarms: 20 ", "tiny: all is well", "DOM0-OFF"}) {
    CAPTURE(marker);
    CHECK(done.says(marker));
  }
  CHECK_FALSE(done.says("FAIL"));
}

TEST_CASE("Linux from its CD, by OVMF and GRUB") {
  const std::string cd = guest_cd("linux"), ovmf = "/usr/share/ovmf/OVMF.fd";
  if (cd.empty()) return;
  if (!std::filesystem::exists(ovmf)) {
    MESSAGE("skipped: ", ovmf, " is not there; it comes with ovmf");
    return;
  }
  // Made where grub-efi-amd64-bin was not, it has no place to start for UEFI.
  if (!has(read_file(cd), "EFI/BOOT") && !has(read_file(cd), "BOOTX64")) {
    MESSAGE("skipped: ", cd, " does not boot by UEFI; install grub-efi-amd64-bin and make it again");
    return;
  }
  const Boot done = boot({"-m", "512", "-bios", ovmf, "-vga", "std", "-cdrom", cd}, "");
  CHECK(done.says("efi: EFI v2"));
  CHECK(done.says("PM-Timer IO Port: 0xb008"));
  CHECK_FALSE(done.says("can't claim"));
  CHECK(done.says("WORK-DONE"));
  CHECK(done.says("GUEST-OFF"));
}

TEST_CASE("Linux from its CD, by SeaBIOS and GRUB, on one CPU and on two") {
  const std::string cd = guest_cd("linux");
  if (cd.empty()) return;
  for (const std::string cpus : {"1", "2"}) {
    CAPTURE(cpus);
    const Boot done = boot({"-m", "512", "-smp", cpus, "-cdrom", cd}, "");
    CHECK(done.says("WORK-DONE"));
    CHECK(done.says("GUEST-OFF"));
  }
}

TEST_CASE("Linux by SeaBIOS, which takes kernel and initrd from the machine") {
  const std::string at = guest_images("linux"), bios = "/usr/share/seabios/bios-256k.bin";
  if (at.empty()) return;
  if (!std::filesystem::exists(bios)) {
    MESSAGE("skipped: ", bios, " is not there; it comes with seabios");
    return;
  }
  const Boot done = linux_boot(at, {"-bios", bios});
  CHECK(done.says("WORK-DONE"));
  CHECK(done.says("GUEST-OFF"));
}

TEST_CASE("Xen from its CD, by SeaBIOS and GRUB") {
  const std::string cd = guest_cd("xen");
  if (cd.empty()) return;
  const Boot done = boot({"-m", "1024", "-cdrom", cd}, "");
  for (const std::string_view marker : {"PVH-READY", "PV-READY", "XEN-DONE", "DOM0-OFF"}) {
    CAPTURE(marker);
    CHECK(done.says(marker));
  }
}

TEST_CASE("GRUB's menu is moved by the arrow keys") {
  const std::string cd = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso";
  if (!std::filesystem::exists(cd)) {
    MESSAGE("skipped: ", cd, " is not there; it comes with grub-rescue-pc");
    return;
  }
  const Words machine{"-cdrom", cd, "-serial", "null", "--timeout", "300"};
  const auto until = [&](const std::string& keys, const std::string& row) {
    Words all = machine;
    all.insert(all.end(), {"--type", keys, "--expect-screen", row});
    return run(all).status;
  };
  CHECK(until("<screen executed automatically>", "[*]GNU/Linux") == 0);
  CHECK(until("<screen executed automatically><down><down>", "[*]FreeBSD.*direct boot") == 0);
}

}  // namespace ringside::cli
