// Owns the comparison with an earlier run: what failed there already is no news.
#include "frontend/conform/reports/baseline.h"

#include <fmt/format.h>

namespace ringside::conform {
namespace {

bool was_bad(Verdict verdict) { return counts_as_failure(verdict) || verdict == Verdict::expected_failure; }

}  // namespace

Baseline::Baseline(const SuiteRun& before) {
  for (const TestResult& test : before.tests) {
    Before& kept = tests_[{test.suite, test.name}];
    kept.verdict = test.verdict;
    for (const Check& check : test.checks) {
      if (was_bad(check.verdict)) ++kept.failed[check.name];
    }
  }
}

void Baseline::apply(TestResult& result) const {
  const auto found = tests_.find({result.suite, result.name});
  if (found == tests_.end() || !counts_as_failure(result.verdict)) return;
  const Before& before = found->second;
  auto left = before.failed;
  const Check* first = nullptr;
  u64 fresh = 0;
  for (Check& check : result.checks) {
    if (!counts_as_failure(check.verdict)) continue;
    if (u64& times = left[check.name]; times > 0) {
      --times;
      check.verdict = Verdict::expected_failure;
    } else if (++fresh == 1) {
      first = &check;
    }
  }
  if (first) {
    result.reason = fresh == 1 ? fmt::format("1 check fails that did not in the baseline: {}", first->name)
                               : fmt::format("{} checks fail that did not in the baseline, the first: {}",
                                             fresh, first->name);
    result.line = first->line;
    return;
  }
  if (!was_bad(before.verdict)) return;
  const bool same = before.verdict == result.verdict || before.verdict == Verdict::expected_failure;
  if (!same) {
    result.reason += fmt::format(" (in the baseline it was {})", verdict_name(before.verdict));
    return;
  }
  result.verdict = Verdict::expected_failure;
  result.reason = fmt::format("as in the baseline: {}", result.reason);
}

}  // namespace ringside::conform
