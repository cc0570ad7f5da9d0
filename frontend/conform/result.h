// Owns what a suite's tests came to, as values: what runs them fills these in, what reports them reads them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside::conform {

// What one test, or one check inside it, came to.
enum class Verdict : u8 {
  passed,
  failed,
  skipped,           // it says that it has nothing to test here
  expected_failure,  // it failed, and a reason is known
  unexpected_pass,   // it passed although a failure is known: somebody should look, so it counts as a failure
  broken,            // nobody can tell: no image, no verdict, a crash or a limit of the run
};
// "passed", "failed", "skipped", "expected failure", "unexpected pass", "broken".
std::string_view verdict_name(Verdict verdict);
std::optional<Verdict> verdict_named(std::string_view name);
// Whether a run of tests with such a verdict in it ends with a status other than 0.
bool counts_as_failure(Verdict verdict);

// A result that the guest told about itself, by one of the protocols.
struct Check {
  std::string name;  // with the groups that it stands in before it, " / " between
  Verdict verdict = Verdict::broken;
  std::string message;  // why; may be of several lines, may be empty
  u64 line = 0;         // of the output, from 1 on; 0: it was announced and never came
};

// How to come back to a failure.
struct Bundle {
  std::string reproduce;  // the command line that runs this test alone once more
  std::string debug;      // the one that stops in the debugger where it failed
  std::string explained;  // the last VM exits and refusals, as `explain` tells them
  std::string folder;     // where these and the output are as files; empty: nowhere
};

struct TestResult {
  std::string suite, name;  // together one test; `name` has the matrix in it: "vmx [cpu=Skylake-Server]"
  std::vector<std::string> tags;
  Verdict verdict = Verdict::broken;
  std::string reason;         // one line: why it is not `passed`
  u64 line = 0;               // of the output, from 1 on, that decided against it; 0: none did
  std::vector<Check> checks;  // in the order of the output
  std::string protocol;       // by which these were read; empty: none
  std::string ending;         // of the machine, a word of the statistics: "power-off", "timeout", ...
  std::optional<int> exit_status;
  double host_seconds = 0, virtual_seconds = 0;
  u64 instructions = 0;
  std::string state_hash;          // of the machine at the end; empty: unknown
  std::string output;              // the serial port's, the last part of it if it is long
  u64 output_bytes = 0;            // all that was printed
  std::vector<std::string> words;  // of the command that ran it, the program first
  Bundle bundle;                   // of those that count as failures
};

struct Totals {
  u64 passed = 0, failed = 0, skipped = 0, expected_failures = 0, unexpected_passes = 0, broken = 0;
  u64 all() const { return passed + failed + skipped + expected_failures + unexpected_passes + broken; }
  u64 failures() const { return failed + unexpected_passes + broken; }
};

// One call of `ringside test`, or several merged.
struct SuiteRun {
  std::vector<TestResult> tests;  // in the order of the suites
  std::string program;            // name and version
  double host_seconds = 0;
};
Totals totals(const SuiteRun& run);        // of tests
Totals check_totals(const SuiteRun& run);  // of the checks inside them

}  // namespace ringside::conform
