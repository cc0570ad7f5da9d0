// Owns the tests of how tests are run: processes and their ends, verdicts, what is remembered.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <iostream>

#include "frontend/conform/running/allowance.h"
#include "frontend/conform/running/judgement.h"
#include "frontend/conform/running/last_runs.h"
#include "frontend/conform/running/output_lines.h"
#include "frontend/conform/running/process.h"
#include "frontend/conform/running/runner.h"
#include "tests/cli/program.h"

using namespace ringside;
using namespace ringside::conform;
using cli::Folder;

namespace {

struct Said {
  std::string output, errors;
  ProcessEnd end;
  bool ended = false;
};

Job shell(const std::string& text, Said& said, double limit = 0, double grace = 0) {
  return {.words = {"sh", "-c", text},
          .processor_seconds = limit,
          .grace_seconds = grace,
          .on_output = [&said](std::string_view bytes) { said.output += bytes; },
          .on_errors = [&said](std::string_view bytes) { said.errors += bytes; },
          .on_end =
              [&said](const ProcessEnd& end) {
                said.end = end;
                said.ended = true;
              }};
}

void run(Processes& processes) {
  while (processes.running() > 0) processes.wait();
}

Verdict verdict_of(const Test& test, const Seen& seen, std::string* reason = nullptr) {
  TestResult result;
  judge(test, seen, result);
  if (reason) *reason = result.reason;
  return result.verdict;
}

Seen seen_with_status(int status, const std::string& ending = "debug-exit") {
  Seen seen;
  seen.end.status = status;
  seen.statistics = Statistics{.ending = ending, .reason = "the reason"};
  return seen;
}

// Takes the place of the emulator: a script that does as the test's first flag says.
struct Bench {
  Bench() {
    program = folder.write("emulator",
                           "#!/bin/sh\n"
                           "act=$1 stats= max=1000\n"
                           "while [ $# -gt 0 ]; do case $1 in --stats) stats=$2;; --max-instructions) "
                           "max=$2;; esac; shift; done\n"
                           "stats() { echo \"{\\\"ending\\\": \\\"$1\\\", \\\"reason\\\": \\\"$1\\\", "
                           "\\\"instructions\\\": $max, \\\"state_hash\\\": \\\"$2\\\"}\" >$stats; }\n"
                           "case $act in\n"
                           "pass) echo hello; stats power-off 1;;\n"
                           "crash) kill -SEGV $$;;\n"
                           "hang) sleep 1000;;\n"
                           "endless) while :; do echo 0123456789; done;;\n"
                           "unstable) echo hello; stats power-off $$;;\n"
                           "parts) [ $max -lt 778 ] && stats limit 1 || stats limit $$;;\n"
                           "esac\n");
    chmod(program.c_str(), 0755);
    settings.around.program = program;
  }
  Test& add(const std::string& act, const std::string& name = "") {
    Test& test = tests.emplace_back();
    test.suite = "suite";
    test.name = name.empty() ? act : name;
    test.words = {act};
    return test;
  }
  struct Watcher : RunWatcher {
    void finished(const TestResult& result, std::size_t) override { order.push_back(result.name); }
    std::vector<std::string> order;
  };
  SuiteRun run() { return run_tests(tests, settings, last, watcher); }

  Folder folder;
  std::string program;
  RunSettings settings;
  std::vector<Test> tests;
  LastRuns last;
  Watcher watcher;
};

}  // namespace

TEST_CASE("processes are listened to and their ends told") {
  Processes processes;
  Said good, bad, killed;
  std::string error;
  REQUIRE(processes.start(shell("echo out; echo err >&2; exit 3", good), error));
  REQUIRE(processes.start(shell("kill -TERM $$", killed), error));
  REQUIRE(processes.start(
      {.words = {"/there/is/no/such/program"}, .on_end = [&](const ProcessEnd& end) { bad.end = end; }},
      error));
  run(processes);
  CHECK(good.output == "out\n");
  CHECK(good.errors == "err\n");
  CHECK(good.end.status == 3);
  CHECK(good.end.signal == 0);
  CHECK(killed.end.signal == SIGTERM);
  CHECK(bad.end.status == 127);
}

TEST_CASE("this program with other words is a process of its own, too") {
  Processes processes;
  Said said, crashed;
  unsigned calls = 0;
  std::string error;
  const auto start = [&](Said& into, std::function<int(const std::vector<std::string>&)> itself) {
    Job job = shell("exit 99", into);
    job.itself = std::move(itself);
    return processes.start(std::move(job), error);
  };
  REQUIRE(start(said, [&](const std::vector<std::string>& words) {
    ++calls;
    std::cout << words[0];
    std::fputs("err", stderr);
    return 5;
  }));
  REQUIRE(start(crashed, [](const std::vector<std::string>&) -> int {
    std::raise(SIGKILL);
    return 0;
  }));
  run(processes);
  CHECK(calls == 0);  // what it changes is its own
  CHECK(said.output == "sh");
  CHECK(said.errors == "err");
  CHECK(said.end.status == 5);
  CHECK(crashed.end.signal == SIGKILL);
}

TEST_CASE("a process whose time is over is killed with all that it has started") {
  Processes processes;
  Said said;
  std::string error;
  REQUIRE(processes.start(shell("sleep 1000 & sleep 1000", said, 0.2), error));
  run(processes);
  CHECK(said.end.overdue);
  CHECK(said.end.signal == SIGKILL);
}

TEST_CASE("only the processor's time is used up, however long a busy host lets a process wait") {
  Allowance waits(90, 0, 0);
  CHECK(waits.limited());
  for (int minute = 1; minute <= 60; ++minute) CHECK(!waits.used_up(60.0 * minute, 1.4 * minute, false));
  CHECK(!waits.used_up(4000, 90, false));
  CHECK(waits.used_up(4001, 90.1, false));

  Allowance starved(90, 0, 0);
  CHECK(!starved.used_up(10'000, 0, false));

  Allowance begun_late(10, 500, 300);
  CHECK(!begun_late.used_up(510, 309, true));
  CHECK(begun_late.used_up(511, 310.5, true));
  CHECK(!Allowance(0, 0, 0).limited());
}

TEST_CASE("who sleeps for as long as its limit is over as well") {
  Allowance sleeps_at_once(90, 0, 0);
  CHECK(!sleeps_at_once.used_up(90, 0.1, true));
  CHECK(sleeps_at_once.used_up(91, 0.1, true));
  Allowance later(90, 0, 0);
  CHECK(!later.used_up(91, 30, true));
  CHECK(!later.used_up(180, 30.1, true));
  CHECK(later.used_up(182, 30.1, true));
  Allowance awake_meanwhile(90, 0, 0);
  CHECK(!awake_meanwhile.used_up(60, 0.1, false));
  CHECK(!awake_meanwhile.used_up(149, 0.1, true));
  CHECK(awake_meanwhile.used_up(151, 0.1, true));
}

TEST_CASE("a process that computes is ended by what it has used, one that sleeps by the clock") {
  Processes processes;
  Said computes, sleeps;
  std::string error;
  REQUIRE(processes.start(shell("while :; do :; done", computes, 0.3), error));
  REQUIRE(processes.start(shell("sleep 1000", sleeps, 0.3), error));
  run(processes);
  CHECK(computes.end.overdue);
  CHECK(computes.end.cpu_seconds >= 0.3);
  CHECK(sleeps.end.overdue);
  CHECK(sleeps.end.signal == SIGKILL);
}

TEST_CASE("who is asked to end may do so, and is killed if it does not") {
  Processes processes;
  Said ready, deaf;
  std::string error;
  REQUIRE(
      processes.start(shell("trap 'echo told; exit 7' TERM; while :; do :; done", ready, 0.2, 100), error));
  REQUIRE(processes.start(shell("trap '' TERM; while :; do :; done", deaf, 0.2, 0.2), error));
  run(processes);
  CHECK(ready.end.overdue);
  CHECK(ready.end.signal == 0);
  CHECK(ready.end.status == 7);
  CHECK(ready.output == "told\n");
  CHECK(deaf.end.overdue);
  CHECK(deaf.end.signal == SIGKILL);
}

TEST_CASE("who leaves somebody behind with its pipes has ended all the same") {
  Processes processes;
  Said said;
  std::string error;
  REQUIRE(processes.start(shell("echo first; sleep 1000 & exit 0", said), error));
  run(processes);
  CHECK(said.output == "first\n");
  CHECK(said.end.status == 0);
}

TEST_CASE("lines of an output, and its last part") {
  std::vector<std::string> lines;
  OutputLines output([&](std::string_view line, u64 number) {
    CHECK(number == lines.size() + 1);
    lines.emplace_back(line);
  });
  output.add("one\r\ntw");
  output.add("o\n\nrest");
  output.end();
  CHECK(lines == std::vector<std::string>{"one", "two", "", "rest"});
  CHECK(output.last_part() == "one\r\ntwo\n\nrest");

  u64 count = 0;
  OutputLines endless([&](std::string_view line, u64) {
    ++count;
    CHECK(line.size() <= OutputLines::longest_line);
  });
  for (int n = 0; n < 100; ++n) endless.add(std::string(OutputLines::longest_line, 'x'));
  CHECK(count == 100);
  CHECK(endless.bytes() == 100 * OutputLines::longest_line);
  CHECK(endless.last_part().size() <= OutputLines::most_kept);
}

TEST_CASE("verdicts of kvm-unit-tests, as its own runner gives them") {
  Test test;
  test.judge = Judge::kvm_unit_tests;
  std::string reason;
  CHECK(verdict_of(test, seen_with_status(1)) == Verdict::passed);
  CHECK(verdict_of(test, seen_with_status(77)) == Verdict::skipped);
  CHECK(verdict_of(test, seen_with_status(3)) == Verdict::failed);
  CHECK(verdict_of(test, seen_with_status(127)) == Verdict::failed);
  CHECK(verdict_of(test, seen_with_status(0, "power-off")) == Verdict::failed);
  CHECK(verdict_of(test, seen_with_status(124, "timeout")) == Verdict::broken);
  Seen shutdown = seen_with_status(1, "shutdown");
  shutdown.errors = "triple fault\n";
  CHECK(verdict_of(test, shutdown) == Verdict::failed);
  shutdown.errors = "a Warning\n";
  CHECK(verdict_of(test, shutdown) == Verdict::passed);
  Seen refused;
  refused.end.status = 2;
  refused.errors = "-device edu: there is no such device\n";
  CHECK(verdict_of(test, refused, &reason) == Verdict::skipped);
  CHECK(reason == "-device edu: there is no such device");
}

TEST_CASE("verdicts by expectations") {
  Test test;
  std::string reason, error;
  CHECK(verdict_of(test, seen_with_status(0, "power-off")) == Verdict::passed);
  CHECK(verdict_of(test, seen_with_status(1, "shutdown"), &reason) == Verdict::failed);
  CHECK(reason == "exit status 1, not 0: the reason");
  CHECK(verdict_of(test, seen_with_status(124, "timeout")) == Verdict::broken);
  test.status = 1;
  CHECK(verdict_of(test, seen_with_status(1)) == Verdict::passed);
  test.ending = "power-off";
  CHECK(verdict_of(test, seen_with_status(1)) == Verdict::failed);
  test.ending.clear();
  Seen slow = seen_with_status(1);
  slow.statistics->virtual_seconds = 2.5;
  test.limits.virtual_seconds = 2;
  CHECK(verdict_of(test, slow, &reason) == Verdict::failed);
  CHECK(reason == "it took 2.500 seconds of the guest's time, more than 2");
  test.limits.virtual_seconds = 0;

  test.expect = {"b"};
  test.to_the_end = true;
  Seen seen = seen_with_status(1);
  REQUIRE(seen.expectations.add_wanted("a", error));
  REQUIRE(seen.expectations.add_wanted("^b$", error));
  REQUIRE(seen.expectations.add_absent("panic", error));
  CHECK(verdict_of(test, seen, &reason) == Verdict::failed);
  CHECK(reason == "no line matches a: the reason");
  seen.expectations.line("b a", 1);
  CHECK(verdict_of(test, seen, &reason) == Verdict::failed);
  CHECK(reason == "no line from 1 on matches ^b$: the reason");
  seen.expectations.line("b", 2);
  CHECK(verdict_of(test, seen) == Verdict::passed);
  seen.checks.push_back({.name = "check", .verdict = Verdict::failed, .message = "why", .line = 2});
  CHECK(verdict_of(test, seen, &reason) == Verdict::failed);
  CHECK(reason == "line 2: check: why");
  test.known_failure = "not yet";
  CHECK(verdict_of(test, seen) == Verdict::expected_failure);
  seen.checks.clear();
  CHECK(verdict_of(test, seen) == Verdict::unexpected_pass);
  seen.expectations.line("kernel panic", 3);
  CHECK(verdict_of(test, seen, &reason) == Verdict::expected_failure);
  CHECK(reason == "not yet (line 3 matches panic, which must not come)");
  seen.end.signal = SIGSEGV;
  CHECK(verdict_of(test, seen) == Verdict::broken);
}

TEST_CASE("a crash, a hang and an endless output hurt nobody else") {
  Bench bench;
  bench.settings.jobs = 2;
  for (const char* act : {"crash", "hang", "endless", "pass"}) bench.add(act);
  for (const int endless : {1, 2}) bench.tests[static_cast<std::size_t>(endless)].limits.host_seconds = 0.5;
  bench.settings.grace_seconds = 0.1;
  bench.tests[3].expect = {"hello"};
  const SuiteRun run = bench.run();
  REQUIRE(run.tests.size() == 4);
  CHECK(run.tests[0].verdict == Verdict::broken);
  CHECK(run.tests[0].reason.find("signal 11") != std::string::npos);
  CHECK(run.tests[1].verdict == Verdict::broken);
  CHECK(run.tests[1].reason.find("it was ended after") != std::string::npos);
  CHECK(run.tests[2].verdict == Verdict::broken);
  CHECK(run.tests[2].output.size() <= OutputLines::most_kept);
  CHECK(run.tests[3].verdict == Verdict::passed);
  CHECK(run.tests[3].output == "hello\n");
  CHECK(run.tests[3].state_hash == "1");
  CHECK(run.tests[3].bundle.reproduce == "");
  CHECK(run.tests[0].bundle.reproduce.find("emulator crash") != std::string::npos);
}

TEST_CASE("tests that cannot be run are broken, and the others go on") {
  Bench bench;
  bench.add("pass", "build").build = "echo no rule >&2; exit 2";
  bench.add("pass", "image").image = bench.folder / "none";
  bench.add("pass", "made").build = "touch made";
  bench.tests.back().build_folder = bench.folder / "";
  bench.tests.back().image = bench.folder / "made";
  bench.add("pass", "slip").broken = "suite.toml:3:1: a slip";
  bench.add("pass", "skipped").skip = "not now";
  const SuiteRun run = bench.run();
  REQUIRE(run.tests.size() == 5);
  CHECK(run.tests[0].verdict == Verdict::broken);
  CHECK(run.tests[0].reason == "the build \"echo no rule >&2; exit 2\" failed: exit status 2: no rule");
  CHECK(run.tests[1].verdict == Verdict::broken);
  CHECK(run.tests[1].reason.find("the image is not there") != std::string::npos);
  CHECK(run.tests[2].verdict == Verdict::passed);
  CHECK(run.tests[3].reason == "suite.toml:3:1: a slip");
  CHECK(run.tests[4].verdict == Verdict::skipped);
}

TEST_CASE("the longest tests come first, and whom nobody knows before them") {
  Bench bench;
  for (const char* name : {"short", "long", "new"}) bench.add("pass", name);
  bench.last.note({.suite = "suite", .name = "short", .host_seconds = 1});
  bench.last.note({.suite = "suite", .name = "long", .host_seconds = 10});
  const SuiteRun run = bench.run();
  CHECK(bench.watcher.order == std::vector<std::string>{"new", "long", "short"});
  CHECK(run.tests[0].name == "short");
}

TEST_CASE("a test is repeated, and its state must be the same") {
  Bench bench;
  bench.settings.repeat = 3;
  bench.add("pass");
  bench.add("unstable");
  const SuiteRun run = bench.run();
  CHECK(run.tests[0].verdict == Verdict::passed);
  CHECK(run.tests[1].verdict == Verdict::failed);
  CHECK(run.tests[1].reason.starts_with("run 2 ends with state "));
  CHECK(
      run.tests[1].reason.ends_with("they part in the first instruction, or the machines differ from the "
                                    "beginning"));
}

TEST_CASE("where two runs of a test part is found, and the debugger's command stands before it") {
  Bench bench;
  bench.settings.repeat = 2;
  bench.add("parts");
  const SuiteRun run = bench.run();
  REQUIRE(run.tests.size() == 1);
  CHECK(run.tests[0].verdict == Verdict::failed);
  CHECK(run.tests[0].reason.ends_with("; they part in instruction 778"));
  CHECK(run.tests[0].bundle.debug.ends_with(" debug parts -ex 'continue 777'"));
}

TEST_CASE("each result goes to who has the last word") {
  Bench bench;
  bench.add("crash");
  bench.settings.amend = [](TestResult& result) { result.verdict = Verdict::skipped; };
  const SuiteRun run = bench.run();
  CHECK(run.tests[0].verdict == Verdict::skipped);
  CHECK(run.tests[0].bundle.debug == "");
  CHECK_FALSE(bench.last.failed("suite", "crash"));
}

TEST_CASE("the first failure is the end, where that is wanted") {
  Bench bench;
  bench.settings.fail_fast = true;
  bench.add("crash");
  bench.add("pass");
  CHECK(bench.run().tests.size() == 1);
}

TEST_CASE("what failed is remembered from one call to the next") {
  const Folder folder;
  std::string error;
  LastRuns last;
  last.load(folder / "cache", "suite");
  CHECK(last.seconds("suite", "a") < 0);
  last.note({.suite = "suite", .name = "a", .verdict = Verdict::failed, .host_seconds = 2});
  last.note({.suite = "suite", .name = "b", .verdict = Verdict::passed, .host_seconds = 1});
  REQUIRE(last.save(folder / "cache", error));
  LastRuns again;
  again.load(folder / "cache", "suite");
  CHECK(again.failed("suite", "a"));
  CHECK_FALSE(again.failed("suite", "b"));
  CHECK(again.seconds("suite", "b") == 1);
  CHECK_FALSE(again.failed("other", "a"));
  folder.write("file", "");
  CHECK_FALSE(last.save(folder / "file", error));
  CHECK(error.find('\n') == std::string::npos);
}
