// Owns the tests of whole runs: how they end, their exit statuses, limits, expectations, statistics.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

// Real-mode programs; COM1 is at 0x3f8.
const std::string spin = firmware({0xeb, 0xfe});
const std::string triple_fault = firmware({0x0f, 0x01, 0x1e, 0x00, 0x70,  // LIDT [7000h]: a limit of 0
                                           0xcc});
const std::string halt = firmware({0xfa, 0xf4, 0xeb, 0xfd});                           // CLI; HLT
const std::string reset = firmware({0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xeb, 0xfe});  // OUT CF9h, 6
// OUT F4h, 21h
const std::string debug_exit = firmware({0xb0, 0x21, 0xe6, 0xf4, 0xeb, 0xfe});
// Prints "A\n", then spins.
const std::string say_and_spin = firmware({0xba, 0xf8, 0x03, 0xb0, 'A', 0xee, 0xb0, '\n', 0xee, 0xeb, 0xfe});
// Waits for a byte, sends it back; 'q' ends the run by port F4h with status 1.
const std::string echo = firmware({0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb,  // until data is ready
                                   0xba, 0xf8, 0x03, 0xec, 0xee,                    // IN, OUT
                                   0x3c, 'q',  0x75, 0xef, 0xb0, 0x00, 0xe6, 0xf4});

nlohmann::json stats_of(const std::string& path) { return nlohmann::json::parse(read_file(path)); }

}  // namespace

TEST_CASE("the built-in guest") {
  const Result result = run({"-m", "64", "-smp", "2"});
  CAPTURE(result.out);
  CHECK(result.status == 0);
  CHECK(result.err == "");
  CHECK(result.out.starts_with("Ringside's visor: "));
  CHECK(result.out.ends_with("42 exits of 32 kinds; VMXOFF, power off\r\n"));
}

TEST_CASE("the first guest") {
  const Result result = run({"-m", "64", "-smp", "2", "-bios", RINGSIDE_BINARY_DIR "/roms/hello.bin"});
  CAPTURE(result.out);
  CHECK(result.status == 0);
  CHECK(result.err == "");
  const char* lines[] = {
      "Ringside: an x86-64 machine made of glass.\r\n",
      "real mode       first instruction at F000:FFF0; signature 000606a6\r\n",
      "protected mode  CR0 00000011\r\n",
      "64-bit mode     CR0 80000011, CR4 00000020, EFER 00000500\r\n",
      "processor       Intel(R) Xeon(R) CPU (Icelake) @ 2.00GHz\r\n",
      "machine         2 CPU, 64 MiB\r\n",
      "page fault      caught: address 0000008000000000, error code 00000002, RIP 00000000000f",
      "timer           3 ticks of the local APIC in ",
      "power           off, by ACPI's PM1a control register\r\n"};
  std::size_t at = 0;
  for (const char* line : lines) {
    const auto found = result.out.find(line, at);
    CHECK_MESSAGE(found != std::string::npos, "in its place: ", line);
    if (found != std::string::npos) at = found;
  }
  CHECK(result.out.find("still on") == std::string::npos);
}

TEST_CASE("exit statuses") {
  const Folder folder;
  CHECK(run({"-bios", folder.write("exit", debug_exit), "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"})
            .status == 0x43);
  const Result fault = run({"-bios", folder.write("fault", triple_fault)});
  CHECK(fault.status == 1);
  CHECK(fault.err.starts_with("ringside: "));
  const Result idle = run({"-bios", folder.write("halt", halt)});
  CHECK(idle.status == 1);
  CHECK(idle.err.find("halted for ever") != std::string::npos);
  CHECK(idle.err.find("CPU 0") == std::string::npos);
  const Result explained = run({"explain", "-bios", folder.write("halt", halt)});
  CHECK(explained.status == 1);
  CHECK(explained.err.find("CPU 0: HLT, EFLAGS.IF 0\n") != std::string::npos);
  CHECK(run({"-bios", folder.write("reset", reset), "-no-reboot"}).status == 0);
}

TEST_CASE("a reset starts the machine again") {
  const Folder folder;
  const std::string stats = folder / "stats";
  CHECK(run({"-bios", folder.write("reset", reset), "--max-instructions", "100", "--stats", stats}).status ==
        124);
  CHECK(stats_of(stats)["reboots"] >= 10);
  CHECK(stats_of(stats)["instructions"] == 100);
}

TEST_CASE("limits") {
  const Folder folder;
  const std::string rom = folder.write("spin", spin), stats = folder / "stats";
  const Result time = run({"-bios", rom, "--timeout", "0.2"});
  CHECK(time.status == 124);
  CHECK(time.err.find("--timeout 0.2: reached") != std::string::npos);
  CHECK(run({"-bios", rom, "--max-instructions=1234567", "--stats", stats}).status == 124);
  CHECK(stats_of(stats)["instructions"] == 1234567);
  CHECK(stats_of(stats)["ending"] == "max-instructions");
  CHECK(stats_of(stats)["status"] == 124);
}

TEST_CASE("expectations") {
  const Folder folder;
  CHECK(run({"-bios", folder.write("a", say_and_spin), "--expect", "^A$"}).status == 0);
  CHECK(run({"-bios", RINGSIDE_BINARY_DIR "/roms/hello.bin", "--expect", "ticks? of.*APIC"}).status == 0);
  const Result missed = run({"--expect", "never printed"});
  CHECK(missed.status == 1);
  CHECK(missed.err.find("--expect never printed: the run ended without a match") != std::string::npos);
  CHECK(run({"-bios", folder / "a", "--expect", "^B", "--max-instructions", "1000"}).status == 124);
}

TEST_CASE("statistics") {
  const Folder folder;
  const std::string stats = folder / "stats.json";
  const std::string rom = RINGSIDE_BINARY_DIR "/roms/hello.bin";
  CHECK(run({"-bios", rom, "--stats", stats, "-name", "first", "-m", "32"}).status == 0);
  const auto json = stats_of(stats);
  CHECK(json["name"] == "first");
  CHECK(json["ending"] == "power-off");
  CHECK(json["status"] == 0);
  CHECK(json["instructions"] > 1000);
  CHECK(json["virtual_seconds"] > 0.03);  // three ticks of 10 ms
  CHECK(json["host_seconds"] > 0);
  CHECK(json["state_hash"].get<std::string>().size() == 32);
  CHECK(json["cpus"] == 1);
  CHECK(json["ram_bytes"] == 32 << 20);
  CHECK(json["unknown_msrs"].empty());
  CHECK(folder.names() == std::vector<std::string>{"stats.json"});
}

TEST_CASE("the same run twice is the same") {
  const Folder folder;
  std::string hashes[3], outputs[3];
  const char* sizes[] = {"64", "64", "65"};
  for (int n = 0; n < 3; ++n) {
    const std::string stats = folder / ("stats" + std::to_string(n));
    outputs[n] = run({"-m", sizes[n], "-smp", "3", "--stats", stats}).out;
    hashes[n] = stats_of(stats)["state_hash"];
  }
  CHECK(hashes[0] == hashes[1]);
  CHECK(outputs[0] == outputs[1]);
  CHECK(hashes[0] != hashes[2]);
}

TEST_CASE("input by a pipe, output to a file") {
  const Folder folder;
  const std::string rom = folder.write("echo", echo);
  const std::vector<std::string> arguments = {"-bios", rom, "-device", "isa-debug-exit", "--timeout", "60"};
  const Result result = run(arguments, "hello q");
  CHECK(result.out == "hello q");
  CHECK(result.status == 1);
  // Ctrl-A is nothing special here.
  CHECK(run(arguments, "\x01xq").out == "\x01xq");
  auto to_file = arguments;
  to_file.insert(to_file.end(), {"-serial", "file:" + (folder / "log"), "--max-instructions", "1000"});
  const Result silent = run(to_file, "q");
  CHECK(silent.out == "");
  CHECK(silent.status == 124);  // standard input is not the serial port's now
}

TEST_CASE("the debug console") {
  const Folder folder;
  const std::string rom =
      folder.write("rom", firmware({0xb0, 'D', 0xe6, 0xe9, 0xba, 0x02, 0x04, 0xb0, 'E', 0xee, 0xfa, 0xf4}));
  CHECK(run({"-bios", rom}).out == "");
  CHECK(run({"-bios", rom, "-debugcon", "stdio"}).out == "DE");
  run({"-bios", rom, "-debugcon", "file:" + (folder / "log")});
  CHECK(read_file(folder / "log") == "DE");
}

TEST_CASE("the conformance suite's flags") {
  // Its runner asks these before it starts anything.
  CHECK(run({"--help"}).out.find("QEMU") != std::string::npos);
  const std::string devices = run({"-device", "?"}).out;
  CHECK(devices.find("\"pc-testdev\"") != std::string::npos);
  CHECK(devices.find("isa-debug-exit") != std::string::npos);
  CHECK(devices.find("pci-testdev") == std::string::npos);
  const Folder folder;
  const std::vector<std::string> arguments = {"--no-reboot", "-nodefaults",
                                              "-device",     "pc-testdev",
                                              "-device",     "isa-debug-exit,iobase=0xf4,iosize=0x4",
                                              "-vnc",        "none",
                                              "-serial",     "stdio",
                                              "-machine",    "accel=tcg",
                                              "-bios",       folder.write("rom", debug_exit),
                                              "-smp",        "1",
                                              "-cpu",        "max"};
  Result result = run(arguments);
  CHECK(result.status == 0x43);
  CHECK(result.err == "");
  CHECK(run({"-kernel", "_NO_FILE_"}).err.find("could not load kernel") != std::string::npos);
  auto more = arguments;
  more.insert(more.end(), {"-device", "pci-testdev", "-global", "kvm-pit.lost_tick_policy=discard"});
  result = run(more);
  CHECK(result.status == 0x43);
  // The runner takes every line on stderr for a failure, except warnings.
  CHECK(result.err.find("warning: ") != std::string::npos);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 2);
}

TEST_CASE("questions") {
  const std::pair<const char*, const char*> questions[] = {
      {"--help", "\n  --expect REGEX"}, {"-h", "\n  --expect REGEX"},     {"help", "\n  --expect REGEX"},
      {"--version", "Ringside "},       {"devices", "On every board:\n"}, {"cpus", "\n  max "}};
  for (const auto& [question, answer] : questions) {
    const Result result = run({question});
    CAPTURE(question);
    CHECK(result.status == 0);
    CHECK(result.err == "");
    CHECK(result.out.find(answer) != std::string::npos);
  }
  const std::string help = run({"help"}).out;
  for (const char* subcommand : {"run", "debug", "explain", "vmx", "isa", "devices", "cpus", "help"})
    CHECK_MESSAGE(help.find(std::string("\n  ringside ") + subcommand + " ") != std::string::npos,
                  subcommand);
  CHECK(run({"isa"}).out.find("\nSSE2 ") != std::string::npos);
  CHECK(run({"isa", "missing"}).out.find(" vfmadd132pd ") != std::string::npos);
  CHECK(run({"isa", "mising"}).status == 2);
  CHECK(run({"-cpu", "help"}).out == run({"cpus"}).out);
  CHECK(run({"-machine", "help"}).out.find("pc") != std::string::npos);
  CHECK(run({"-accel", "help"}).out.find("reference") != std::string::npos);
}

TEST_CASE("the README lists the flags that there are") {
  const std::string readme = read_file(RINGSIDE_SOURCE_DIR "/README.md");
  const std::string flags = run({"help", "markdown"}).out;
  CHECK(flags.size() > 1000);
  CHECK_MESSAGE(readme.find(flags) != std::string::npos,
                "paste the output of `ringside help markdown` into README.md");
}
