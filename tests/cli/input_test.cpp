// Owns the tests of bad input: one clear line, a non-zero status, nothing half-written.
#include <doctest/doctest.h>

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

}  // namespace

TEST_CASE("flags that are wrong") {
  refused({"-kernle", "x"}, 2, {"-kernle", "did you mean -kernel?"});
  refused({"--expct", "x"}, 2, {"--expct", "did you mean --expect?"});
  refused({"-frobnicate"}, 2, {"-frobnicate", "unknown flag", "--help"});
  refused({"-kernel"}, 2, {"-kernel", "value is missing"});
  refused({"--no-reboot=yes"}, 2, {"--no-reboot=yes", "takes no value"});
  refused({"-no-reboot", "vmlinuz"}, 2, {"vmlinuz", "-kernel vmlinuz"});
  refused({"-no-reboot", ""}, 2, {"empty"});
  refused({"vmlinuz"}, 2, {"vmlinuz", "no such subcommand", "-kernel FILE"});
  refused({"device"}, 2, {"device", "did you mean devices?"});
  for (const char* words : {"devices", "cpus", "help", "isa"}) refused({words, "x"}, 2, {words, "x"});
  refused({"-kernel", ""}, 2, {"-kernel", "empty"});
  for (const char* flag : {"-cdrom", "-drive", "-netdev"}) refused({flag, "x"}, 2, {flag, "not there yet"});
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
  refused({"-serial", "tcp:1"}, 2, {"tcp:1", "stdio"});
  refused({"-serial", "file:"}, 2, {"no path"});
  refused({"-serial", "stdio", "-serial", "null"}, 2, {"one serial port"});
  refused({"-display", "gtk"}, 2, {"gtk", "-display none"});
  refused({"-vnc", ":1"}, 2, {"-vnc none"});
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
  refused({"-bios", rom, "-serial", "file:" + (folder / "x"), "-debugcon", "file:" + (folder / "x")}, 2,
          {"each a file"});
  CHECK(folder.names() == std::vector<std::string>{"rom"});
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

TEST_CASE("what a refused run leaves alone") {
  const Folder folder;
  const std::string serial = folder.write("serial.log", "an earlier run\n");
  refused({"-kernel", folder / "gone", "-serial", "file:" + serial}, 1, {"gone"});
  CHECK(read_file(serial) == "an earlier run\n");
}
