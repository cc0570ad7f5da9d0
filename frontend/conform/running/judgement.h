// Owns the verdict: from what was seen of a test's run to what it came to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/conform/running/expectations.h"
#include "frontend/conform/running/process.h"
#include "frontend/conform/running/statistics.h"
#include "frontend/conform/suites/test.h"

namespace ringside::conform {

// What one run of a test left behind.
struct Seen {
  ProcessEnd end;
  std::string output;  // its last part
  u64 output_bytes = 0;
  std::string errors;  // the last part of what the emulator itself said
  std::optional<Statistics> statistics;
  Expectations expectations;
  std::vector<Check> checks;
  std::string complaint, protocol;  // the protocol's
  std::string not_covered;          // the first of the test's `coverage` that was not met; empty: none
};

// Fills in `verdict` and `reason`, and what the run measured.
void judge(const Test& test, const Seen& seen, TestResult& result);

}  // namespace ringside::conform
