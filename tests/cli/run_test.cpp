// Owns the tests of whole runs: how they end, their exit statuses, limits, expectations, statistics.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>

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

TEST_CASE("each -serial is the next serial port") {
  const Folder folder;
  // 'A' to COM1, 'B' to COM2, end.
  const std::string rom = firmware({0xba, 0xf8, 0x03, 0xb0, 'A', 0xee, 0xba, 0xf8, 0x02, 0xb0, 'B', 0xee,
                                    0xb0, 0x00, 0xe6, 0xf4, 0xeb, 0xfe});
  const Result result = run({"-bios", folder.write("rom", rom), "-device", "isa-debug-exit", "-serial",
                             "file:" + (folder / "first"), "-serial", "file:" + (folder / "second")});
  CHECK(result.status == 1);
  CHECK(read_file(folder / "first") == "A");
  CHECK(read_file(folder / "second") == "B");
  std::vector<std::string> five;
  for (int n = 0; n < 5; ++n) five.insert(five.end(), {"-serial", "null"});
  CHECK(run(five).err.find("four serial ports") != std::string::npos);
}

TEST_CASE("what became of a machine without a guest is told as JSON, too") {
  const Folder folder;
  const std::string file = folder / "story.jsonl";
  const Result fault =
      run({"explain", "--json", "--explain-json", file, "-bios", folder.write("fault", triple_fault)});
  const std::string story = read_file(file);
  CHECK(has(story, "{\"sheet\":\"shutdown\","));
  CHECK(has(story, "#GP"));  // of INT3's delivery
  CHECK(has(fault.err, story));
  CHECK(!has(fault.err, "\nShutdown (triple fault)"));
  run({"--explain-json", file, "-bios", folder.write("halt", halt)});
  CHECK(has(read_file(file), "{\"sheet\":\"pending\","));
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
  const Result guest = run({"-bios", rom, "--max-seconds", "0.002", "--stats", stats});
  CHECK(guest.status == 124);
  CHECK(guest.err.find("--max-seconds 0.002: reached") != std::string::npos);
  CHECK(stats_of(stats)["ending"] == "max-seconds");
  CHECK(stats_of(stats)["virtual_seconds"] >= 0.002);
  CHECK(stats_of(stats)["virtual_seconds"] < 0.003);
  CHECK(run({"--max-seconds", "0"}).status == 2);
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

namespace {

// Prints the text, then spins.
std::string says(std::string_view text) {
  std::string rom = firmware({0xba, 0xf8, 0x03, 0xbe, 0x00, 0xe0,        // MOV DX, 3F8h; MOV SI, E000h
                              0x2e, 0xac, 0x84, 0xc0, 0x74, 0xfe, 0xee,  // CS LODSB; TEST AL, AL; JZ $; OUT
                              0xeb, 0xf7});
  rom.replace(0xe000, text.size() + 1, std::string(text) + '\0');
  return rom;
}

}  // namespace

TEST_CASE("the line that is expected ends before the run does") {
  const Folder folder;
  const Result whole = run({"-bios", folder.write("rom", says("one\ntwo three\nfour\n")), "--expect", "two"});
  CHECK(whole.status == 0);
  CHECK(whole.out.starts_with("one\ntwo three\n"));
  // A prompt does not end.
  const Result prompt = run({"-bios", folder.write("prompt", says("login: ")), "--expect", "login:"});
  CHECK(prompt.status == 0);
  CHECK(prompt.out == "login: ");
}

TEST_CASE("several expectations in their order, and what must not be printed") {
  const Folder folder;
  const std::string rom = folder.write("rom", says("a1 b2\nc3\nOops\nd4\n"));
  const auto ends = [&](std::vector<std::string> flags) {
    flags.insert(flags.end(), {"-bios", rom, "--max-instructions", "100000"});
    return run(flags);
  };
  CHECK(ends({"--expect", "a", "--expect", "b", "--expect", "^c"}).status == 0);
  CHECK(ends({"--expect", "b", "--expect", "a"}).status == 124);
  CHECK(ends({"--expect", "^c3$", "--expect", "^c3$"}).status == 124);
  const Result failed = ends({"--expect", "d4", "--fail-on", "Oops|panic"});
  CHECK(failed.status == 1);
  CHECK(failed.err.find("--fail-on Oops|panic: a line of the serial output matched") != std::string::npos);
  CHECK(ends({"--expect", "c3", "--fail-on", "Oops"}).status == 0);
  CHECK(ends({"--fail-on", "nothing", "--fail-on", "^a1"}).status == 1);
  CHECK(ends({"--fail-on", "nothing"}).status == 124);
  // What decides counts also when the machine ends before the line does.
  const std::string last =
      folder.write("last", firmware({0xba, 0xf8, 0x03, 0xb0, '!', 0xee, 0xb0, 0x21, 0xe6, 0xf4}));
  CHECK(run({"-bios", last, "-device", "isa-debug-exit", "--expect", "!"}).status == 0);
  CHECK(run({"-bios", last, "-device", "isa-debug-exit", "--fail-on", "!"}).status == 1);
  CHECK(run({"-bios", last, "-device", "isa-debug-exit"}).status == 0x43);
  const Result missed = run({"--expect", "VMXOFF", "--expect", "and then"});
  CHECK(missed.status == 1);
  CHECK(missed.err.find("--expect and then: the run ended without a match") != std::string::npos);
}

TEST_CASE("a limit of the output") {
  const Folder folder;
  const std::string rom = folder.write("rom", firmware({0xba, 0xf8, 0x03, 0xb0, '.', 0xee, 0xeb, 0xfd}));
  const Result result = run({"-bios", rom, "--output-limit", "10000", "--timeout", "100"});
  CHECK(result.status == 124);
  CHECK(result.out == std::string(10000, '.'));
  CHECK(result.err.find("--output-limit 10000: reached") != std::string::npos);
}

TEST_CASE("a limit says where each CPU is") {
  const Result visor = run({"-smp", "2", "--max-instructions", "50000"});
  CHECK(visor.status == 124);
  CHECK(visor.err.find("\nringside: CPU 0, ") != std::string::npos);
  CHECK(visor.err.find(".inc:") != std::string::npos);  // symbols and lines come with the guest
  CHECK(visor.err.find("\nringside: CPU 1, ") != std::string::npos);
  const Folder folder;
  const Result time = run({"-bios", folder.write("spin", spin), "--timeout", "0.2"});
  CHECK(time.err.find("ringside: CPU 0, VMX off, ring 0, real mode, f000:f000") != std::string::npos);
}

TEST_CASE("the spellings of flags that scripts use") {
  const Folder folder;
  const std::string rom = folder.write("rom", says("A\n")), log = folder / "log";
  const std::vector<std::string> serial = {"-serial", "file:" + log}, none = {"-nographic"};
  const auto with = [&](const std::vector<std::string>& first, const std::vector<std::string>& second) {
    std::vector<std::string> words = {"-bios=" + rom, "-max-instructions=1000"};
    words.insert(words.end(), first.begin(), first.end());
    words.insert(words.end(), second.begin(), second.end());
    return run(words);
  };
  for (const bool serial_first : {true, false}) {
    const auto result = serial_first ? with(serial, none) : with(none, serial);
    CHECK(result.status == 124);
    CHECK(result.out == "");
    CHECK(read_file(log) == "A\n");
    std::filesystem::remove(log);
  }
  CHECK(with({"-serial", "mon:stdio"}, none).out == "A\n");
  CHECK(with({"-nodefaults"}, {}).out == "");
  CHECK(with({"-nodefaults"}, none).out == "A\n");
  CHECK(with({"-chardev", "file,id=c,path=" + log}, {"-serial", "chardev:c"}).out == "");
  CHECK(with({"-chardev", "file,id=c,append=on,path=" + log}, {"-device", "isa-serial,chardev=c"}).out == "");
  CHECK(read_file(log) == "A\nA\n");
  CHECK(with({"-debugcon", "chardev:c"}, {"-chardev", "stdio,id=c"}).out == "A\n");
}

TEST_CASE("a kernel's value may hold an equals sign behind one dash") {
  CHECK(run({"-kernel=_NO_FILE_"}).err.find("could not load kernel") != std::string::npos);
  CHECK(run({"-append=x=1"}).err.find("add -kernel") != std::string::npos);
}

TEST_CASE("files and numbers that are put into memory") {
  const Folder folder;
  // MOV AL, [500h]; OUT F4h, AL, from 0000:0600, where the loader puts it: JMP 0000:0600.
  const std::string code = folder.write("code", "\xa0" + std::string("\x00\x05\xe6\xf4\xf4", 5));
  const std::string rom =
      folder.write("rom", firmware({0x31, 0xc0, 0x8e, 0xd8, 0xea, 0x00, 0x06, 0x00, 0x00}));
  const std::vector<std::string> machine = {"-bios", rom, "-device", "isa-debug-exit"};
  const auto loaded = [&](std::vector<std::string> more) {
    more.insert(more.begin(), machine.begin(), machine.end());
    return run(more);
  };
  CHECK(loaded({"-device", "loader,addr=0x600,file=" + code, "-device",
                "loader,addr=0x500,data=0x15,data-len=1"})
            .status == 0x2b);
  const Result outside = loaded({"-device", "loader,addr=0x8000000,data=1,data-len=4"});
  CHECK(outside.status == 1);
  CHECK(outside.err.find("0x8000000..0x8000003 is not all memory (it ends at 0x8000000)") !=
        std::string::npos);
  CHECK(loaded({"-device", "loader,addr=0,file=" + (folder / "gone")}).err.find("gone: no such file") !=
        std::string::npos);
}

TEST_CASE("the process's number is in a file while it runs") {
  const Folder folder;
  const std::string place = folder / "pid";
  Running program({"-bios", folder.write("rom", say_and_spin), "-pidfile", place}, Running::With::pipes);
  REQUIRE(program.wait_for("A\n"));
  const int number = std::stoi(read_file(place));
  CHECK(number > 1);
  CHECK(kill(number, SIGTERM) == 0);
  CHECK(program.finish() == 128 + SIGTERM);
  CHECK(!std::filesystem::exists(place));
}

TEST_CASE("a guest that powers off is kept, if asked for") {
  for (const char* flag : {"-no-shutdown", "-action=shutdown=pause"}) {
    Running program({flag}, Running::With::pipes);
    REQUIRE(program.wait_for("-no-shutdown keeps it"));
    program.signal(SIGINT);
    CHECK(program.finish() == 0);
  }
  const Folder folder;
  CHECK(run({"-bios", folder.write("reset", reset), "-action", "reboot=shutdown"}).status == 0);
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
  CHECK(run({"isa", "missing"}).out.find(" vpscatterdd ") != std::string::npos);
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
