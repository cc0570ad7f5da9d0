// Owns the tests of machines that a run saves and another one loads.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

nlohmann::json stats_of(const std::string& path) { return nlohmann::json::parse(read_file(path)); }

const std::string spin = firmware({0xeb, 0xfe});
// OUT F4h, 21h
const std::string debug_exit = firmware({0xb0, 0x21, 0xe6, 0xf4, 0xeb, 0xfe});
// Prints "A\n", then all bytes that it is sent.
const std::string say_and_echo = firmware({0xba, 0xf8, 0x03, 0xb0, 'A',  0xee, 0xb0, '\n', 0xee,  // OUT
                                           0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb,  // until data
                                           0xba, 0xf8, 0x03, 0xec, 0xee, 0xeb, 0xf1});      // IN, OUT

}  // namespace

TEST_CASE("a run that begins where another was saved ends as that would have") {
  const Folder folder;
  const std::string state = folder / "half.state", stats = folder / "stats";
  const Result whole = run({"-m", "64", "-smp", "2", "--stats", stats, "--save", state + ",at=20000"});
  CHECK(whole.status == 0);
  CHECK(whole.err == "");
  const auto then = stats_of(stats);
  // Without a flag of the machine's, and with all of them.
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{}, {"-m", "64M", "-smp", "2", "-accel", "reference"}}) {
    std::vector<std::string> words = {"--load", state, "--stats", stats};
    words.insert(words.end(), flags.begin(), flags.end());
    const Result half = run(words);
    CHECK(half.status == 0);
    CHECK(half.err == "");
    CHECK(half.out.size() < whole.out.size());
    CHECK(whole.out.ends_with(half.out));
    const auto now = stats_of(stats);
    CHECK(now["state_hash"] == then["state_hash"]);
    CHECK(now["instructions"] == then["instructions"]);
    CHECK(now["loaded_at"] == 20000);
    CHECK(now["cpus"] == 2);
  }
  CHECK(run({"--load", state, "-m", "32"}).err ==
        "ringside: --load " + state +
            ": is of another machine: it was saved with -m 64M, this machine has -m 32M\n");
  const std::string bios = folder.write("rom", spin);
  CHECK(has(run({"--load", state, "-bios", bios}).err, "saved without -bios, this machine has -bios"));
  CHECK(run({"--load", state, "--load", state}).status == 2);
}

TEST_CASE("a machine is saved at the end of a run, whatever ended it but the machine") {
  const Folder folder;
  const std::string bios = folder.write("rom", say_and_echo), state = folder / "state";
  CHECK(run({"-bios", bios, "--expect", "A", "--save", state}).status == 0);
  const Result answer = run({"--load", state, "--expect", "hello"}, "hello\n");
  CHECK(answer.status == 0);
  CHECK(answer.out == "hello\n");
  // Its limits begin anew, its counts do not.
  const Result limit = run({"--load", state, "--max-instructions", "1000", "--stats", folder / "stats"});
  CHECK(limit.status == 124);
  const auto stats = stats_of(folder / "stats");
  CHECK(stats["instructions"].get<long>() - stats["loaded_at"].get<long>() == 1000);
  CHECK(has(run({"--load", state, "--save", (folder / "x") + ",at=1", "--max-instructions", "9"}).err,
            "the run begins behind it"));
  CHECK(has(run({"--load", state, "--save", (folder / "x") + ",at=99999999", "--max-instructions", "9"}).err,
            "the run ended before; nothing was saved"));

  const std::string ends = folder.write("ends", debug_exit);
  const Result over = run({"-bios", ends, "-device", "isa-debug-exit", "--save", folder / "over"});
  CHECK(over.status == 1);
  CHECK(has(over.err, "the machine cannot go on from here"));
  CHECK(read_file(folder / "over").empty());
  // Firmware by another name is the same; other firmware is not.
  const std::string moved = folder.write("moved", say_and_echo), other = folder.write("other", spin);
  CHECK(run({"--load", state, "-bios", moved, "--max-instructions", "9"}).status == 124);
  CHECK(has(run({"--load", state, "-bios", other}).err, "-bios " + other + " is not what it was"));
}

TEST_CASE("words about machines that cannot be saved or loaded") {
  const Folder folder;
  const std::string bios = folder.write("rom", spin);
  CHECK(run({"--save", "x,at=soon"}).err ==
        "ringside: --save x,at=soon: soon is no count of instructions; write --save FILE,at=1000000\n");
  CHECK(has(run({"--load", folder / "none"}).err, "no such file"));
  CHECK(has(run({"--load", bios}).err, "is no saved state of a machine"));
  CHECK(has(run({"-bios", bios, "--save", bios}).err, "is the file that -bios reads"));
  CHECK(has(run({"-bios", bios, "--save", "/nowhere/x"}).err, "--save /nowhere/x: cannot be written"));
}

TEST_CASE("the debugger saves and loads") {
  const Folder folder;
  const std::string state = folder / "entry.state";
  const Result result =
      run({"debug", "-ex", "run-to entry", "-ex", "save " + state, "-ex", "stepi 100", "-ex", "load " + state,
           "-ex", "print count", "-ex", "load " + state + "x", "--batch"});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(has(result.out, "saved " + state + ": "));
  CHECK(has(result.err, state + "x: no such file"));
  const Result again = run({"debug", "--load", state, "-ex", "where", "-ex", "print count", "--batch"});
  CHECK(again.status == 0);
  // Both stand at the same instruction.
  const auto last_number = [](const std::string& text) { return text.substr(text.rfind(" = ")); };
  CHECK(last_number(again.out) == last_number(result.out));
}

TEST_CASE("a suite's tests begin with the machine of a fixture, which is run once") {
  struct Cache {
    Cache() { setenv("XDG_CACHE_HOME", (folder / "cache").c_str(), 1); }
    ~Cache() { unsetenv("XDG_CACHE_HOME"); }
    Folder folder;
  };
  const Cache cache;
  const Folder suite;
  suite.write("echo.bin", say_and_echo);
  // Each build of the fixture leaves a line.
  const std::string text =
      "[defaults]\nmemory = \"16M\"\ninstructions = 10_000_000\n"
      "[[fixture]]\nname = \"ready\"\nfirmware = \"echo.bin\"\nbuild = \"echo x >>builds\"\nexpect = "
      "[\"^A\"]\n"
      "[[test]]\nname = \"one\"\nfixture = \"ready\"\nsend = \"one\\n\"\nexpect = [\"^one\"]\n"
      "[[test]]\nname = \"two\"\nfixture = \"ready\"\nsend = \"two\\n\"\nexpect = [\"^two\"]\n"
      "[[test]]\nname = \"three\"\nfixture = \"ready\"\nsend = \"four\\n\"\nexpect = [\"^three\"]\n"
      "instructions = 1_000_000\n";
  const std::string file = suite.write("suite.toml", text);
  Result result = run({"test", file, "-j", "2", "--repeat", "2"});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(has(result.out, "\nFAILED 3 tests: 2 passed, 1 "));
  CHECK(has(result.out, "--load "));
  CHECK_FALSE(has(result.out, "fixture ready"));
  // Another call takes it from where it is kept; a changed image makes it anew.
  const auto age = [&] {
    const std::string states = cache.folder / "cache/ringside/fixtures";
    for (const auto& entry : std::filesystem::directory_iterator(states))
      if (entry.path().extension() == ".state") return std::filesystem::last_write_time(entry.path());
    return std::filesystem::file_time_type{};
  };
  const auto made = age();
  CHECK(run({"test", file, "--filter", "one|two"}).status == 0);
  CHECK(age() == made);
  CHECK(has(run({"test", file, "--rerun-failed", "--list"}).out, "three"));
  std::string other = say_and_echo;
  other[100] = 'x';
  suite.write("echo.bin", other);
  CHECK(run({"test", file, "--filter", "one|two"}).status == 0);
  CHECK(age() != made);

  // One that fails says so once, and its tests are skipped.
  suite.write("echo.bin", spin);
  result = run({"test", file});
  CHECK(result.status == 1);
  CHECK(has(result.out, "fixture ready"));
  CHECK(has(result.out, "its fixture ready failed: "));
  CHECK(has(result.out, "3 skipped"));
  CHECK(has(run({"test", file, "--rerun-failed", "--list"}).out, "two"));
  suite.write("slip.toml",
              "[[test]]\nname = \"a\"\nfixture = \"redy\"\n[[fixture]]\nname = \"ready\"\nexpect = \"x\"\n");
  CHECK(has(run({"test", suite / "slip.toml"}).out, "there is no such fixture; did you mean ready?"));
}

TEST_CASE("what differs between two saved machines is told in words, and by the exit status") {
  const Folder folder;
  const std::string before = folder / "before", after = folder / "after";
  CHECK(run({"--save", before + ",at=40000", "--save", after + ",at=62000"}).status == 0);
  CHECK(run({"diff", before, before}).status == 0);
  const Result result = run({"diff", before, after});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(has(result.out, "instructions of all CPUs: 40000 in "));
  CHECK(has(result.out, "registers of CPU 0:\n"));
  CHECK(has(result.out, "pages of memory:\n"));
  CHECK(has(result.out, "VMCS 0xa000 of CPU 0:\n"));
  const Result parsed = run({"diff", before, after, "--json"});
  CHECK(parsed.status == 1);
  CHECK(nlohmann::json::parse(parsed.out)["sheet"] == "diff");
  CHECK(run({"diff", before}).status == 2);
  CHECK(run({"diff", before, folder / "none"}).status == 2);
  const std::string bigger = folder / "bigger";
  CHECK(run({"-m", "64", "--save", bigger + ",at=20000"}).status == 0);
  const Result kinds = run({"diff", before, bigger});
  CHECK(kinds.status == 2);
  CHECK(has(kinds.err, "-m 128M"));
}
