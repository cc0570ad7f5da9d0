// Owns the tests of `ringside test`: its words, its table, its exit statuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

// Prints "A\n", then writes to port F4h.
std::string say_and_exit(int value) {
  return firmware({0xba, 0xf8, 0x03, 0xb0, 'A', 0xee, 0xb0, '\n', 0xee, 0xb0, value, 0xe6, 0xf4, 0xeb, 0xfe});
}
const std::string power_off_by_reset = firmware(
    {0xba, 0xf8, 0x03, 0xb0, 'A', 0xee, 0xb0, '\n', 0xee, 0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xeb, 0xfe});

struct Cache {
  Cache() { setenv("XDG_CACHE_HOME", (folder / "cache").c_str(), 1); }
  ~Cache() { unsetenv("XDG_CACHE_HOME"); }
  Folder folder;
};

}  // namespace

TEST_CASE("ringside test runs images with their expectation, and remembers what failed") {
  const Cache cache;
  const Folder suite;
  suite.write("good.bin", power_off_by_reset);
  suite.write("good.bin.expect", "^A$\n");
  suite.write("bad.bin", power_off_by_reset);
  suite.write("bad.bin.expect", "^B$\n");
  Result result = run({"test", suite / "", "-j", "2", "--", "-no-reboot"});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(result.err == "");
  CHECK(has(result.out, "failed "));
  CHECK(has(result.out, "no line matches ^B$"));
  CHECK(has(result.out, "\nFAILED 2 tests: 1 passed, 1 failed ("));
  CHECK(has(result.out, "    again: "));
  CHECK(has(result.out, "bad.bin -no-reboot -ex 'continue "));

  result = run({"test", suite / "", "--rerun-failed", "--list"});
  CHECK(has(result.out, "bad.bin"));
  CHECK_FALSE(has(result.out, "good.bin"));
  result = run({"test", suite / "", "--filter", "good", "--", "-no-reboot"});
  CHECK(result.status == 0);
  CHECK(has(result.out, "\nPASSED 1 tests: 1 passed ("));
  CHECK(run({"test", suite / "", "--filter", "^good", "--", "-no-reboot"}).status == result.status);
  result = run({"test", suite / "", "--filter=good", "--repeat=3", "--", "-no-reboot"});
  CHECK(result.status == 0);
}

TEST_CASE("ringside test writes its results for other programs, and shards are merged into the same") {
  const Cache cache;
  const Folder suite, out;
  suite.write("a.bin", power_off_by_reset);
  suite.write("a.bin.expect", "^A$\n");
  suite.write("b.bin", power_off_by_reset);
  suite.write("b.bin.expect", "^<&B\n");
  const Result whole = run({"test", suite / "", "--junit", out / "j.xml", "--tap", out / "t.tap", "--json",
                            out / "all.json", "--html", out / "h.html", "--", "-no-reboot"});
  CHECK(whole.status == 1);
  const std::string junit = read_file(out / "j.xml"), page = read_file(out / "h.html");
  CHECK(junit.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"));
  CHECK(has(junit, "<testcase name=\"a.bin\""));
  CHECK(has(junit, "no line matches ^&lt;&amp;B"));
  CHECK(has(read_file(out / "t.tap"), "TAP version 14\n1..2\nok 1 - "));
  CHECK(has(read_file(out / "t.tap"), "\nnot ok 2 - "));
  CHECK(has(page, "^&lt;&amp;B"));
  CHECK_FALSE(has(page, "http://"));  // nothing to fetch
  CHECK_FALSE(has(page, "https://"));

  for (const char* shard : {"0", "1"}) {
    const std::string part = std::string(shard) + "/2";
    run({"test", suite / "", "--shard", part, "--json", out / shard, "--", "-no-reboot"});
  }
  const Result merged = run({"merge", out / "0", out / "1", "--tap", out / "merged.tap"});
  CHECK(merged.status == 1);
  CHECK(has(merged.out, "2 tests: 1 passed, 1 failed"));
  const auto verdicts = [](const std::string& tap) {
    std::string all;
    for (std::size_t at = 0; at < tap.size(); at = tap.find('\n', at) + 1) {
      const std::string line = tap.substr(at, tap.find('\n', at) - at);
      if (line.starts_with("ok ") || line.starts_with("not ok ")) all += line + "\n";
    }
    return all;
  };
  CHECK(verdicts(read_file(out / "merged.tap")) == verdicts(read_file(out / "t.tap")));
  CHECK(run({"merge", out / "0"}).status + run({"merge", out / "1"}).status == 1);

  CHECK(run({"merge"}).status == 2);
  CHECK(run({"merge", "--tap"}).status == 2);
  const Result none = run({"merge", out / "j.xml"});
  CHECK(none.status == 1);
  CHECK(std::count(none.err.begin(), none.err.end(), '\n') == 1);
  // What cannot be written is told before anything runs.
  const Result absent = run({"test", suite / "", "--tap", out / "no/where"});
  CHECK(absent.status == 2);
  CHECK(absent.out.empty());
  CHECK(run({"test", suite / "", "--tap", out / "x", "--json", out / "x"}).status == 2);
}

TEST_CASE("ringside test: a bundle's command stands in the debugger where the failing line was printed") {
  const Cache cache;
  const Folder suite, out;
  // Prints "A", "B" and "C", each on a line of its own, and halts for ever.
  suite.write("image.bin", firmware({0xba, 0xf8, 0x03, 0xb0, 'A', 0xee, 0xb0, '\n', 0xee, 0xb0, 'B', 0xee,
                                     0xb0, '\n', 0xee, 0xb0, 'C', 0xee, 0xb0, '\n', 0xee, 0xfa, 0xf4}));
  suite.write("image.bin.expect", "C\n! ^B\n");
  const std::string page = out / "page.html";
  const Result result =
      run({"test", suite / "image.bin", "--bundle", out / "bundles", "--html", page, "--json", out / "json"});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(has(result.out, "line 2 matches ^B, which must not come"));
  CHECK(has(result.out, "real mode, f000:f00f"));
  CHECK(has(read_file(out / "json"), "\"line\":2,"));
  // From the page to the debugger.
  std::string command = read_file(page);
  command.erase(0, command.find("Debug it</p><pre>") + std::string_view("Debug it</p><pre>").size());
  command.erase(command.find("</pre>"));
  const std::string seen = out / "seen";
  CHECK(shell(command.substr(command.find(' ')) + " -ex quit > " + seen) == 0);
  CHECK(has(read_file(seen),
            "B\nline 2 of the output is complete\nCPU 0, VMX off, ring 0, real mode, "
            "f000:f00f at 0xfffff00f"));
  std::string folder = result.out.substr(result.out.find("files: ") + 7);
  folder.erase(folder.find('\n'));
  CHECK(folder.starts_with(out / "bundles/image.bin-"));
  CHECK(read_file(folder + "/output.txt") == "A\nB\n");
  CHECK(has(read_file(folder + "/commands.txt"), " --at-line 2\n"));
  CHECK(has(read_file(folder + "/explained.txt"), "CPU 0, VMX off"));
  CHECK(has(read_file(folder + "/result.json"), "\"state_hash\":\""));
  // The last step at once.
  const Result there = run({"test", suite / "image.bin", "--debug"}, "print count\n");
  CHECK(has(there.out, "line 2 of the output is complete"));
  CHECK(has(there.out, " = 10\n"));
  // A folder that cannot be made is told of before anything runs.
  CHECK(run({"test", suite / "image.bin", "--bundle", suite / "image.bin"}).status == 2);
}

TEST_CASE("ringside test: the command's own mistakes are one line") {
  const Folder suite;
  const std::string image = suite.write("a.bin", say_and_exit(0));
  suite.write("a.bin.expect", "A\n");
  const struct {
    std::vector<std::string> words;
    std::string_view line;
  } cases[] = {
      {{"test"}, "no suite"},
      {{"test", "--frobnicate", image}, "no such flag"},
      {{"test", "--fliter", "x", image}, "did you mean --filter?"},
      {{"test", "-j"}, "its value is missing; write -j N"},
      {{"test", "-j", "0", image}, "not a count"},
      {{"test", "--filter", "(", image}, "POSIX extended"},
      {{"test", "--filter", "zzz", image}, "no test is left"},
      {{"test", "--list=x", image}, "takes no value"},
      {{"test", "--shard", "4/4", image}, "out of range; the index counts from 0 to 3"},
      {{"test", "--shard", "4", image}, "not a shard"},
      {{"test", suite / "none"}, "no such suite"},
  };
  for (const auto& [words, line] : cases) {
    const Result result = run(words);
    CAPTURE(result.err);
    CHECK(result.status == 2);
    CHECK(result.out == "");
    CHECK(has(result.err, line));
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  }
  CHECK(has(run({"test", "--help"}).out, "--rerun-failed"));
}

TEST_CASE("ringside test: shards hold each test once") {
  const Folder suite;
  std::string cfg;
  for (const char* name : {"a", "b", "c", "d", "e"}) cfg += std::string("[") + name + "]\nfile = none\n";
  const std::string path = suite.write("unittests.cfg", cfg);
  setenv("TEST_TOTAL_SHARDS", "2", 1);
  setenv("TEST_SHARD_STATUS_FILE", (suite / "touched").c_str(), 1);
  std::string all;
  for (const char* index : {"0", "1"}) {
    setenv("TEST_SHARD_INDEX", index, 1);
    const std::string out = run({"test", path, "--list"}).out;
    CHECK(std::count(out.begin(), out.end(), '\n') == (index[0] == '0' ? 3 : 2));
    all += out;
  }
  for (const char* name : {"cfg: a", "cfg: b", "cfg: c", "cfg: d", "cfg: e"}) CHECK(has(all, name));
  CHECK(suite.names() == std::vector<std::string>{"touched", "unittests.cfg"});
  setenv("TEST_SHARD_INDEX", "2", 1);
  CHECK(run({"test", path, "--list"}).status == 2);
  for (const char* name : {"TEST_TOTAL_SHARDS", "TEST_SHARD_INDEX", "TEST_SHARD_STATUS_FILE"}) unsetenv(name);
}

TEST_CASE("ringside test runs a suite in TOML, whose slips break one test only") {
  const Cache cache;
  const Folder suite;
  suite.write("a.bin", say_and_exit(16));
  const std::string toml = suite.write("suite.toml",
                                       "[[test]]\nname = \"good\"\nimage = \"a.bin\"\nexpect = \"A\"\n"
                                       "to_the_end = true\nexit_status = 33\n"
                                       "flags = [\"-device\", \"isa-debug-exit,iobase=0xf4\"]\n"
                                       "[[test]]\nname = \"slip\"\nimgae = \"a.bin\"\n"
                                       "[[test]]\nname = \"gone\"\nimage = \"b.bin\"\n");
  const Result result = run({"test", toml, "-j2"});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(has(result.out, "suite.toml:10:9: imgae: there is no such key; did you mean image?"));
  CHECK(has(result.out, "b.bin: the image is not there"));
  CHECK(has(result.out, "FAILED 3 tests: 1 passed, 2 broken"));
  CHECK_FALSE(has(result.out, "again: "));  // of what did not run
}

TEST_CASE("ringside test understands the exit statuses of kvm-unit-tests") {
  const Cache cache;
  const Folder suite;
  // An image that is no kernel cannot be booted, which the suite calls a failure.
  suite.write("bad.flat", "x");
  const std::string cfg = suite.write("unittests.cfg",
                                      "[bad]\nfile = bad.flat\n"
                                      "[device]\nfile = bad.flat\nqemu_params = -device there-is-none\n"
                                      "[gone]\nfile = gone.flat\n");
  const Result result = run({"test", cfg});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(has(result.out, "3 tests: 0 passed, 1 failed, 2 skipped"));
}

TEST_CASE("ringside test: what of VMX the runs met is added up, and a test may ask for some of it") {
  const Cache cache;
  const Folder suite, out;
  const std::string test = "[[test]]\nfirmware = \"" RINGSIDE_BINARY_DIR "/roms/visor.bin\"\n";
  const std::string toml =
      suite.write("suite.toml", test +
                                    "name = \"met\"\ncoverage = [\"exit VMCALL\", \"exit 48\", \"ept "
                                    "write.absent.access\", \"control Enable EPT\"]\n" +
                                    test + "name = \"not\"\ncoverage = [\"exit vmcall\", \"exit GETSEC\"]\n");
  const std::string file = out / "coverage.json";
  const Result result = run({"test", toml, "--coverage", file});
  CAPTURE(result.out);
  CHECK(result.status == 1);
  CHECK(has(result.out, "1 passed, 1 failed"));
  CHECK(has(result.out, "not: exit GETSEC: the run did not meet it"));
  CHECK(has(read_file(file), "\"runs\":2,"));
  CHECK(has(run({"coverage", file}).out, "exit reasons were met"));
  CHECK(run({"test", toml, "--coverage", out / "no/where"}).status == 2);
}

TEST_CASE("ringside test: only what the baseline did not have counts") {
  const Cache cache;
  const Folder suite, out;
  suite.write("a.bin", power_off_by_reset);
  suite.write("a.bin.expect", "^B$\n");
  const std::string before = out / "before.json";
  CHECK(run({"test", suite / "", "--json", before, "--", "-no-reboot"}).status == 1);
  Result result = run({"test", suite / "", "--baseline", before, "--", "-no-reboot"});
  CHECK(result.status == 0);
  CHECK(has(result.out, "as in the baseline: no line matches ^B$"));
  CHECK(has(result.out, "PASSED 1 tests: 0 passed, 1 failed as expected"));
  suite.write("b.bin", power_off_by_reset);
  suite.write("b.bin.expect", "^B$\n");
  result = run({"test", suite / "", "--baseline", before, "--", "-no-reboot"});
  CHECK(result.status == 1);
  CHECK(has(result.out, "0 passed, 1 failed, 1 failed as expected"));
  result = run({"test", suite / "", "--baseline", suite / "a.bin"});
  CHECK(result.status == 2);
  CHECK(has(result.err, "ringside test --json FILE makes such a file"));
}
