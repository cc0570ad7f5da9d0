// Owns the tests of bad input: one clear line, a non-zero status, nothing half-written.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

// One line on stderr: "ringside: THING: what is wrong; cure". `parts` must all be in it.
void refused(const std::vector<std::string>& arguments, int status, const std::vector<std::string>& parts) {
  const Result result = run(arguments);
  std::string words;
  for (const std::string& argument : arguments) words += argument + " ";
  CAPTURE(words);
  CAPTURE(result.err);
  CHECK(result.status == status);
  CHECK(result.out == "");
  CHECK(result.err.starts_with("ringside: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.ends_with("\n"));
  CHECK(std::count(result.err.begin(), result.err.end(), ':') >= 2);
  for (const std::string& part : parts)
    CHECK_MESSAGE(result.err.find(part) != std::string::npos, "lacks ", part);
}

const std::string elf_of_another_machine = [] {
  std::string elf(256, '\0');
  const std::string head =
      "\x7f"
      "ELF\x02\x01\x01";
  std::copy(head.begin(), head.end(), elf.begin());
  elf[16] = 2;
  elf[18] = static_cast<char>(0xb7);  // AArch64
  elf[20] = 1;
  elf[52] = 64;
  return elf;
}();

// Turns the IDE controller on; writes sector 40 twice, and the drive's ERR after each write to COM1; ends by
// port F4H.
const std::string writes_a_sector =
    firmware({0x66, 0xb8, 0x40, 0x09, 0x00, 0x80, 0xba, 0xf8, 0x0c, 0x66, 0xef,  // CF8H: IDETIM of 00:01.1
              0x66, 0xb8, 0x00, 0x80, 0x00, 0x80, 0xb2, 0xfc, 0x66, 0xef,        // both channels are decoded
              0x66, 0xb8, 0x04, 0x09, 0x00, 0x80, 0xb2, 0xf8, 0x66, 0xef,        // its command register
              0xb0, 0x01, 0xb2, 0xfc, 0xee,                                      // I/O space
              0xbb, 0x02, 0x00,                                                  // twice:
              0xba, 0xf6, 0x01, 0xb0, 0xe0, 0xee, 0xb2, 0xf2, 0xb0, 0x01, 0xee,  // drive 0, LBA; one sector
              0xb2, 0xf3, 0xb0, 0x28, 0xee, 0xb2, 0xf4, 0xb0, 0x00, 0xee,        // 40
              0xb2, 0xf5, 0xee, 0xb2, 0xf7, 0xb0, 0x30, 0xee,                    // WRITE SECTORS
              0xb9, 0x00, 0x01, 0xb2, 0xf0, 0xef, 0xe2, 0xfd,                    // 256 words
              0xb2, 0xf7, 0xec, 0xa8, 0x80, 0x75, 0xfb,                          // until it is not BSY
              0x24, 0x01, 0x04, '0',  0xba, 0xf8, 0x03, 0xee,                    // ERR
              0x4b, 0x75, 0xc9, 0xb0, 0x00, 0xe6, 0xf4});

}  // namespace

TEST_CASE("flags that are wrong") {
  refused({"-kernle", "x"}, 2, {"-kernle", "did you mean -kernel?"});
  refused({"--expct", "x"}, 2, {"--expct", "did you mean --expect?"});
  refused({"-appned", "x"}, 2, {"did you mean -append?"});
  // What is not near is no suggestion.
  for (const char* flag : {"-frobnicate", "-x", "-foo", "-sock", "-zoom", "--tracing"})
    refused({flag}, 2, {flag, "unknown flag; ringside --help"});
  refused({"-kernel"}, 2, {"-kernel", "value is missing"});
  refused({"--no-reboot=yes"}, 2, {"--no-reboot=yes", "takes no value"});
  refused({"-no-reboot", "vmlinuz"}, 2, {"vmlinuz", "-kernel vmlinuz"});
  refused({"-no-reboot", ""}, 2, {"empty"});
  refused({"vmlinuz"}, 2, {"vmlinuz", "no such subcommand", "-kernel FILE"});
  refused({"device"}, 2, {"device", "did you mean devices?"});
  for (const char* words : {"devices", "cpus", "help", "isa"}) refused({words, "x"}, 2, {words, "x"});
  refused({"-kernel", ""}, 2, {"-kernel", "empty"});
  for (const char* flag : {"-virtfs", "-netdev"}) refused({flag, "x"}, 2, {flag, "not there yet"});
  // Each with what to do instead.
  refused({"-enable-kvm"}, 2, {"-enable-kvm: every instruction is emulated", "leave it out"});
  refused({"-smbios", "type=1"}, 2, {"SMBIOS tables are the machine's own"});
  refused({"-d", "op"}, 2, {"-d op: "});
  refused({"-trace", "x"}, 2, {"-trace: ", "--trace-exits"});
  refused({"-daemonize"}, 2, {"-pidfile FILE"});
  refused({"-boot", "x"}, 2, {"-boot x: order=x is none", "d (CD)"});
  refused({"-boot", "once=d"}, 2, {"once= is not there"});
  refused({"-boot", "menu=maybe"}, 2, {"menu is on or off"});
  refused({"-boot", "splash-time=x"}, 2, {"milliseconds"});
  refused({"-boot", "reboot-timeout=5"}, 2, {"reboot-timeout is unknown"});
  refused({"-L", "/nowhere"}, 2, {"-L /nowhere: no such folder"});
  refused({"-S"}, 2, {"-S", "add -s"});
  for (const char* place : {"tcp:1234", "tcp::x", "tcp::70000", "unix:", "1234"})
    refused({"-gdb", place}, 2, {"-gdb", place, "write tcp::1234"});
}

TEST_CASE("values that are wrong") {
  for (const char* size :
       {"", "x", "-5", "0", "64T", "65G", "1K", "99999999999999999999", "1e3", "512X", "100.3K"}) {
    refused({"-m", size}, 2, {"-m"});
  }
  refused({"-m", "1G,slots=2"}, 2, {"plugged"});
  for (const char* count : {"0", "9", "x", "-1", "", "cpus=", "cpus=x"})
    refused({"-smp", count}, 2, {"-smp"});
  refused({"-smp", "2,sokets=1"}, 2, {"sokets"});
  refused({"-cpu", "Pentium9"}, 2, {"Pentium9"});
  refused({"-cpu", "max,+frobnicate"}, 2, {"frobnicate"});
  refused({"-machine", "q35"}, 2, {"q35", "pc"});
  refused({"-machine", "accel=kvm"}, 2, {"kvm", "reference"});
  refused({"-accel", "quick"}, 2, {"quick", "reference"});
  refused({"-device", "e1000"}, 2, {"e1000", "ringside devices"});
  refused({"-device", "isa-debug-exit,iobase=0x10000"}, 2, {"iobase"});
  refused({"-device", "isa-debug-exit,iosize=3"}, 2, {"iosize"});
  refused({"-serial", "tcp:1"}, 2, {"tcp:1", "write tcp:HOST:PORT"});
  refused({"-serial", "tcp:x:99999"}, 2, {"no port"});
  refused({"-serial", "tcp::1,sever"}, 2, {"sever is unknown"});
  refused({"-serial", "unix:"}, 2, {"no path"});
  refused({"-serial", "unix:" + std::string(200, 'x')}, 2, {"too long"});
  refused({"-serial", "file:"}, 2, {"no path"});
  refused({"-serial", "chardev:"}, 2, {"no id"});
  refused({"-serial", "chardev:com"}, 2, {"no -chardev has this id"});
  refused({"-serial", "vc"}, 2, {"no window"});
  refused({"-serial", "telnet::1,server"}, 2, {"tcp:HOST:PORT,server"});
  refused({"-serial", "/dev/ttyS0"}, 2, {"pty"});
  refused({"-serial", "printer"}, 2, {"no such place", "stdio"});
  refused({"-serial", "stdio", "-serial", "mon:stdio"}, 2, {"has the terminal already"});
  refused({"-serial", "null", "-serial", "null", "-serial", "null", "-serial", "null", "-serial", "null"}, 2,
          {"four serial ports"});
  refused({"-fw_cfg", "opt/x"}, 2, {"write name=NAME,file=PATH"});
  refused({"-fw_cfg", "name=" + std::string(60, 'x') + ",string=y"}, 2, {"at most 55"});
  refused({"-fw_cfg", "opt/x,file=/no/such"}, 1, {"/no/such: no such file"});
  refused({"-uuid", "550e8400-e29b-41d4-a716-44665544000"}, 2, {"not a UUID"});
  refused({"-chardev", "stdio"}, 2, {"no id"});
  refused({"-chardev", "udp,id=x"}, 2, {"no kind udp"});
  refused({"-chardev", "file,id=x"}, 2, {"no path"});
  refused({"-chardev", "socket,id=x,host=h"}, 2, {"no port"});
  refused({"-chardev", "null,id=x", "-chardev", "pty,id=x"}, 2, {"of this id already"});
  refused({"-device", "loader,file=x"}, 2, {"addr=0x1000"});
  refused({"-device", "loader,addr=0,data=1,data-len=9"}, 2, {"data-len=4"});
  refused({"-device", "isa-serial"}, 2, {"-serial PLACE"});
  refused({"-action", "reboot=never"}, 2, {"reboot=reset or shutdown"});
  refused({"--output-limit", "0"}, 2, {"--output-limit 0"});
  refused({"--fail-on", "a("}, 2, {"--fail-on a("});
  refused({"-display", "gtk"}, 2, {"gtk", "-display none"});
  refused({"-vnc", "1"}, 2, {"-vnc 1: no display", "[ADDRESS]:DISPLAY"});
  refused({"-vnc", ":1,password=on"}, 2, {"no password"});
  refused({"-net", "user"}, 2, {"-net user", "-net none"});
  refused({"-nic", "user"}, 2, {"-nic user", "-nic none"});
  refused({"-rtc", "base=yesterday"}, 2, {"yesterday"});
  refused({"-rtc", "base=2024-02-30"}, 2, {"2024-02-30"});
  refused({"--msrs", "maybe"}, 2, {"strict", "lenient"});
  for (const char* time : {"0", "x", "-1", "1s", "5K", ""}) refused({"--timeout", time}, 2, {"--timeout"});
  for (const char* count : {"0", "x", "-1", "1.5", ""}) {
    refused({"--max-instructions", count}, 2, {"--max-instructions"});
  }
  refused({"--expect", "a("}, 2, {"--expect a("});
  refused({"--expect", ""}, 2, {"empty"});
  refused({"-initrd", "x"}, 2, {"-initrd x", "add -kernel"});
  refused({"-append", "x"}, 2, {"-append", "add -kernel"});
}

TEST_CASE("files that cannot be booted") {
  const Folder folder;
  const std::string serial = folder / "serial.log", stats = folder / "stats.json";
  const auto boot = [&](const std::string& kernel, const std::vector<std::string>& parts,
                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"-kernel", kernel, "-serial", "file:" + serial, "--stats", stats};
    arguments.insert(arguments.end(), more.begin(), more.end());
    refused(arguments, 1, parts);
    CHECK(!std::filesystem::exists(serial));
    CHECK(!std::filesystem::exists(stats));
  };
  boot(folder / "gone", {"gone"});
  boot(folder / ".", {});
  boot(folder.write("empty", ""), {"empty"});
  boot(folder.write("text", "this is no kernel at all\n"), {"text"});
  boot(folder.write("arm", elf_of_another_machine), {"arm"});
  boot(folder.write("short", elf_of_another_machine.substr(0, 30)), {"short"});
  refused({"-bios", folder / "gone"}, 1, {"gone"});
  refused({"vmx", "-bios", folder / "gone"}, 1, {"gone"});
  refused({"-bios", folder.write("odd", std::string(1000, 'x'))}, 1, {"odd"});
}

TEST_CASE("outputs that cannot be written") {
  const Folder folder;
  const std::string rom = folder.write("rom", firmware({0xf4}));
  for (const std::string& place : {folder / "no/such/file", folder / "rom/file", folder / "."}) {
    refused({"-bios", rom, "--stats", place}, 1, {"--stats", place});
    refused({"-bios", rom, "-serial", "file:" + place}, 1, {"-serial", place});
    refused({"-bios", rom, "-debugcon", "file:" + place}, 1, {"-debugcon", place});
  }
  refused({"-bios", rom, "-serial", "file:" + (folder / "x"), "-debugcon", "file:" + (folder / "x")}, 1,
          {"give each a file"});
  CHECK(folder.names() == std::vector<std::string>{"rom"});
}

TEST_CASE("no output is an input or another output, whatever it is called") {
  const Folder folder;
  const std::string image = firmware({0xf4});
  const std::string rom = folder.write("rom", image), link = folder / "link", soft = folder / "soft";
  std::filesystem::create_hard_link(rom, link);
  std::filesystem::create_symlink(rom, soft);
  const std::string dotted = folder / "./rom";
  for (const std::string& name : {rom, link, soft, dotted}) {
    CAPTURE(name);
    refused({"--stats", name, "-bios", rom}, 1, {"--stats", "is the file that -bios reads", rom});
    refused({"-bios", rom, "-serial", "file:" + name}, 1, {"-serial", "is the file that -bios reads"});
    refused({"-bios", rom, "--trace-exits", name}, 1, {"--trace-exits", "is the file that -bios reads"});
    refused({"-bios", rom, "--vmx-coverage", name}, 1, {"--vmx-coverage"});
    refused({"-bios", rom, "-pidfile", name}, 1, {"-pidfile"});
    refused({"-kernel", rom, "--stats", name}, 1, {"that -kernel reads"});
    refused({"-kernel", "k", "-initrd", rom + " first,x", "--stats", name}, 1, {"that -initrd reads"});
    refused({"-bios", rom, "-device", "loader,addr=0x1000,file=" + rom, "-debugcon", "file:" + name}, 1,
            {"-debugcon", "reads"});
    refused({"--symbols", rom, "--stats", name}, 1, {"that --symbols reads"});
    refused({"debug", "-x", rom, "--stats", name}, 1, {"that -x reads"});
    CHECK(read_file(rom) == image);
  }
  // Of files that are not there yet, too.
  const std::string fresh = folder / "fresh",
                    again = folder / "../" +
                            std::filesystem::path(folder / "").parent_path().filename().string() + "/fresh";
  refused({"-bios", rom, "--stats", fresh, "--trace-exits", again}, 1, {"writes to the same file"});
  refused({"-bios", rom, "--stats", fresh, "-serial", "file:" + fresh}, 1, {"give each a file"});
  CHECK(folder.names() == std::vector<std::string>{"link", "rom", "soft"});
  // Where the shell has sent standard output is a file like others.
  CHECK(shell("-bios " + rom + " --stats " + fresh + " >" + fresh + " 2>/dev/null") == 1);
  // Devices may be many things.
  CHECK(run({"-bios", rom, "-serial", "file:/dev/null", "--stats", "/dev/null", "--max-instructions", "9"})
            .status == 1);
}

TEST_CASE("places where gdb cannot be let in") {
  const Folder folder;
  refused({"-gdb", "unix:" + (folder / "gone/socket")}, 1, {"gone/socket", "No such file", "name a path"});
  refused({"-gdb", "unix:" + folder.write("file", "x")}, 1, {"choose another"});
  // Too long for a name: nobody is asked for it.
  refused({"-gdb", "tcp:" + std::string(300, 'x') + ":1234"}, 1, {"xxx:1234", "leave the name out"});
}

TEST_CASE("outputs that are full") {
  const Folder folder;
  const std::string said = folder / "said", to_said = " >/dev/full 2>" + said;
  for (const char* words : {"cpus", "--help", "vmx", "debug -ex where --batch", "-m 16"}) {
    CAPTURE(words);
    CHECK(shell(words + to_said) == 1);
    CHECK(read_file(said).starts_with(
        "ringside: standard output: cannot be written (No space left on device); "));
  }
  CHECK(shell("-m 16 --trace-exits /dev/full >/dev/null 2>" + said) == 1);
  CHECK(read_file(said).starts_with("ringside: /dev/full: cannot be written"));
  CHECK(shell("debug -ex continue --batch -serial file:/dev/full >/dev/null 2>" + said) == 1);
  CHECK(read_file(said).starts_with("ringside: /dev/full: cannot be written"));
  // Nobody hears what is wrong; the run ends all the same.
  CHECK(shell("explain >/dev/null 2>/dev/full") == 1);
  CHECK(shell("-kernel gone 2>/dev/full") == 1);
}

TEST_CASE("an output at the limit of its size is one line and a status, not a signal") {
  const Folder folder;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{1024, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Result result = run({"-m", "16", "-serial", "file:" + (folder / "said")});
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(result.status == 1);
  CHECK(result.err.find("said: cannot be written") != std::string::npos);
}

TEST_CASE("cli: drives that cannot be are refused in one line with the cure") {
  const Folder folder;
  const std::string image = folder.write("disk.raw", std::string(64 * 1024, 'x'));
  const std::string odd = folder.write("odd.raw", std::string(1000, 'x'));
  const std::string qcow2 = folder.write("disk.qcow2", "QFI\xfb" + std::string(64 * 1024, 'x'));
  refused({"-hda", image, "-hda", image}, 2, {"index 0", "-drive file="});
  refused({"-drive", "format=raw"}, 2, {"names no file"});
  refused({"-drive", "file=" + image + ",if=virtio"}, 2, {"if=virtio", "if=ide"});
  refused({"-drive", "file=" + image + ",format=qcow2"}, 2, {"format=qcow2", "qemu-img convert"});
  refused({"-drive", "file=" + image + ",colour=red"}, 2, {"colour=red"});
  refused({"-drive", "file=" + image + ",index=4"}, 2, {"index 0 to 3"});
  refused({"-drive", "file=" + image + ",snapshot=maybe"}, 2, {"neither on nor off"});
  refused({"-hda", folder / "nowhere"}, 1, {"nowhere", "no such file"});
  refused({"-hda", folder / "."}, 1, {"directory", "fat:"});
  refused({"-hda", odd}, 1, {"1000 bytes"});
  refused({"-hda", qcow2}, 1, {"qcow2", "qemu-img convert"});
  refused({"-cdrom", odd}, 1, {"2048"});
  refused({"-hda", image, "-hdb", image}, 1, {"disk.raw"});
  refused({"-hda", image, "--stats", image}, 1, {"disk.raw"});
}

TEST_CASE("what a refused run leaves alone") {
  const Folder folder;
  const std::string serial = folder.write("serial.log", "an earlier run\n");
  refused({"-kernel", folder / "gone", "-serial", "file:" + serial}, 1, {"gone"});
  CHECK(read_file(serial) == "an earlier run\n");
}

TEST_CASE("a host disk that takes no more: the guest gets its error each time, the person one line") {
  const Folder folder;
  const std::string bios = folder.write("bios", writes_a_sector),
                    disk = folder.write("disk", std::string(64 * 512, '.')), said = folder / "said",
                    printed = folder / "printed";
  const std::string words = "-bios " + bios + " -hda " + disk + " -device isa-debug-exit";
  const auto lines = [&] { return read_file(said); };
  CHECK(shell(words + " >" + printed + " 2>" + said) == 1);
  CHECK(read_file(printed) == "00");
  CHECK(lines() == "");
  // A limit of the size of files stands for a full disk; the shell counts it in units of 512 or 1024 bytes.
  const std::string limited = "help >/dev/null; ulimit -f 16; '" RINGSIDE_BINARY_DIR "/ringside' ";
  CHECK(shell(limited + words + " >" + printed + " 2>" + said) == 1);
  CHECK(read_file(printed) == "11");
  CHECK(lines() == "ringside: " + disk + ": cannot be written: File too large; the guest got an error: " +
                       "make room for it\n");
}
