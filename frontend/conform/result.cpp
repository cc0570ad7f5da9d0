// Owns the words for verdicts, and counting them.
#include "frontend/conform/result.h"

#include <array>

namespace ringside::conform {
namespace {

struct Row {
  Verdict verdict;
  std::string_view name;
  bool failure;
  u64 Totals::*count;
};
constexpr std::array<Row, 6> rows = {{
    {Verdict::passed, "passed", false, &Totals::passed},
    {Verdict::failed, "failed", true, &Totals::failed},
    {Verdict::skipped, "skipped", false, &Totals::skipped},
    {Verdict::expected_failure, "expected failure", false, &Totals::expected_failures},
    {Verdict::unexpected_pass, "unexpected pass", true, &Totals::unexpected_passes},
    {Verdict::broken, "broken", true, &Totals::broken},
}};

const Row& row(Verdict verdict) { return rows[static_cast<std::size_t>(verdict)]; }

}  // namespace

std::string_view verdict_name(Verdict verdict) { return row(verdict).name; }

std::optional<Verdict> verdict_named(std::string_view name) {
  for (const Row& known : rows) {
    if (known.name == name) return known.verdict;
  }
  return std::nullopt;
}

bool counts_as_failure(Verdict verdict) { return row(verdict).failure; }

Totals totals(const SuiteRun& run) {
  Totals sum;
  for (const TestResult& test : run.tests) ++(sum.*row(test.verdict).count);
  return sum;
}

Totals check_totals(const SuiteRun& run) {
  Totals sum;
  for (const TestResult& test : run.tests) {
    for (const Check& check : test.checks) ++(sum.*row(check.verdict).count);
  }
  return sum;
}

}  // namespace ringside::conform
