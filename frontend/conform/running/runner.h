// Owns a run of tests: several at once, the longest first, each in a process of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/conform/running/last_runs.h"
#include "frontend/conform/running/test_words.h"
#include "frontend/conform/suites/test.h"

namespace ringside {
struct VmxCoverage;
}

namespace ringside::conform {

struct RunSettings {
  Surroundings around;
  unsigned jobs = 1, repeat = 1;
  bool fail_fast = false;
  std::function<void(TestResult& result)> amend;  // has the last word on each result; may be empty
  // Told of what each test met of VMX, in the order of the tests, if not empty.
  std::function<void(const VmxCoverage& coverage)> on_coverage;
  // The value of --code-coverage in each run behind a file's name, ".info,guest" or ",root"; and who is told
  // of the bytes of such a file, in the order in which tests end, if not empty.
  std::string code_coverage;
  std::function<void(std::string_view bytes)> on_code_coverage;
  std::string bundles;  // folder for what is kept of failures; empty: nothing is
  // Of a run that was asked to end because its time is over, before it is killed.
  double grace_seconds = 15;
  // Who reads a test's output. nullptr: nobody, or one line in `error`.
  std::function<std::unique_ptr<ProtocolReader>(const Test& test, std::string* found, std::string& error)>
      reader;
  // This program's main function, for runs that need no process loaded anew; without it each is.
  std::function<int(const std::vector<std::string>& words)> itself;
};

// Told of a run while it goes on.
class RunWatcher {
 public:
  virtual ~RunWatcher() = default;
  virtual void started(const Test& /*test*/) {}
  virtual void finished(const TestResult& result, std::size_t done) = 0;
  // Asked ten times a second: true ends the run, and what has not finished is not among the results.
  virtual bool stop() { return false; }
};

// The results in the order of the tests. `last` says how long tests take, and learns it.
SuiteRun run_tests(std::span<const Test> tests, const RunSettings& settings, LastRuns& last,
                   RunWatcher& watcher);

}  // namespace ringside::conform
