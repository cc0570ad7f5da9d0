// Owns the boots of media that Debian's packages bring as they are, by firmware and judged by their screens:
// memtest86+, iPXE, GRUB's floppy, U-Boot's ROMs. What is not installed is skipped with a line.
#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/cli/program.h"
#include "tests/guests/media.h"

namespace ringside::cli {
namespace {

using Words = std::vector<std::string>;

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
  if (!is_there(cd, "memtest86+") || !has_seabios()) return;
  // Rows are waited for in this order: errors are counted behind all tests but the last, which waits for
  // minutes.
  const auto tests = [&](const Words& cpus, const std::string& shown) {
    Words all{"-m", "32", "-cdrom", cd, "--expect-screen", shown, "--expect-screen", "Test #9"};
    all.insert(all.end(), cpus.begin(), cpus.end());
    boots(all, {"<screen start testing>\n"}, "Errors: 0 *$");
  };
  tests({"-smp", "1"}, "1 Cores 1 Threads");
  tests({"-smp", "2"}, "2 Cores 2 Threads.*SMP: 2T");
}

TEST_CASE("iPXE says that there is no network, and comes to its prompt") {
  const std::string cd = "/usr/lib/ipxe/ipxe.iso";
  if (!is_there(cd, "ipxe") || !has_seabios()) return;
  boots({"-m", "64", "-cdrom", cd}, {}, "No more network devices");
  boots({"-m", "64", "-cdrom", cd}, {"<screen Press Ctrl-B><ctrl-b>"}, "^iPXE.$");
}

TEST_CASE("GRUB's floppy comes to its menu") {
  const std::string floppy = "/usr/lib/grub-rescue/grub-rescue-floppy.img";
  if (!is_there(floppy, "grub-rescue-pc") || !has_seabios()) return;
  boots({"-m", "64", "-fda", floppy}, {}, "[*]GNU/Linux");
}

// 32 bits: without a screen, as U-Boot runs the video BIOS with segments of 64 KiB, which SeaBIOS's reads the
// EDID beyond.
TEST_CASE("U-Boot's ROMs come to their prompts") {
  const std::string roms = "/usr/lib/u-boot/";
  if (!is_there(roms + "qemu-x86_64/u-boot.rom", "u-boot-qemu") || !has_seabios()) return;
  for (const std::string rom : {"qemu-x86", "qemu-x86_64"}) {
    const Result result = run({"-nographic", "-vga", "none", "-m", "256", "-bios", roms + rom + "/u-boot.rom",
                               "--timeout", "600", "--expect", "^=> "},
                              "\n\n");
    INFO(result.err);
    CHECK(result.status == 0);
  }
}

// The kernel is three instructions of setup code: what is on the screen is the firmware's.
TEST_CASE("firmware that loads a kernel has a screen by the card's BIOS") {
  if (!is_there("/usr/share/seabios/vgabios-stdvga.bin", "seabios") || !has_seabios()) return;
  std::string image(0x2000, '\0');
  const auto put = [&](std::size_t at, std::string_view bytes) { image.replace(at, bytes.size(), bytes); };
  put(0x1f1, "\x01");
  put(0x1fe, "\x55\xaa");
  put(0x200, "\xeb\x6e");  // jmp 270h
  put(0x202, "HdrS\x0c\x02");
  put(0x211, "\x01");
  put(0x22c, "\xff\xff\xff\x37");
  put(0x270, "\xfb\xf4\xeb\xfd");  // sti; hlt; jmp back to hlt
  const Folder folder;
  const std::string kernel = folder.write("bzImage", image);
  boots({"-m", "64", "-bios", "/usr/share/seabios/bios-256k.bin", "-vga", "std", "-kernel", kernel}, {},
        "Booting from ROM");
}

namespace {

Words installer_boot(const std::string& line, const std::string& keys) {
  return {"-m",   "1024",   "-kernel", installer + "linux",  "-append",    line, "-vga", "std", "-serial",
          "null", "--type", keys,      "--max-instructions", "40000000000"};
}

}  // namespace

TEST_CASE("Linux writes on the framebuffer that vga= asks for, by firmware and without") {
  if (!is_there(installer + "linux", "debian-installer-12-netboot-amd64") || !has_seabios()) return;
  const Folder folder;
  const std::string picture = folder / "console.png";
  for (const bool firmware : {false, true}) {
    CAPTURE(firmware);
    Words all = installer_boot("vga=788", "<wait 3><screenshot " + picture + "><quit>");
    if (firmware) all.insert(all.end(), {"-bios", "/usr/share/seabios/bios-256k.bin"});
    const Result result = run(all);
    INFO(result.err);
    CHECK(result.status == 0);
    // Width and height stand in the header; a black picture of this size has 1,500 bytes.
    const std::string bytes = read_file(picture);
    REQUIRE(bytes.size() > 4000);
    CHECK(bytes.substr(16, 8) == std::string("\0\0\x03\x20\0\0\x02\x58", 8));
  }
}

TEST_CASE("the graphical Debian installer is clicked through with the mouse, and goes on by a key") {
  if (!is_there(installer + "initrd.gz", "debian-installer-12-netboot-amd64") || !has_seabios()) return;
  const Folder folder;
  const auto shot = [&](const char* name) { return "<screenshot " + (folder / name) + ">"; };
  // To the corner, and back to the button that goes on; the X server doubles quick movements.
  Words all = installer_boot("vga=788 --- quiet",
                             "<wait 12>" + shot("language") + "<wait 1>" + shot("still") +
                                 "<mouse 1500 -1500><wait 0.3><mouse -30 12><wait 0.3><click><wait 2>" +
                                 shot("location") + "<enter><wait 2>" + shot("keyboard") + "<quit>");
  all.insert(all.end(), {"-initrd", installer + "initrd.gz"});
  const Result result = run(all);
  INFO(result.err);
  REQUIRE(result.status == 0);
  const auto size = [&](const char* name) { return static_cast<long>(read_file(folder / name).size()); };
  CHECK(size("language") > 50'000);
  CHECK(read_file(folder / "language") == read_file(folder / "still"));
  // Another page, not a button of another colour.
  CHECK(std::abs(size("location") - size("language")) > 5'000);
  CHECK(std::abs(size("keyboard") - size("location")) > 1'000);
}

}  // namespace ringside::cli
