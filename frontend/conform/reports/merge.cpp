// Owns the results of several shards as one run.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "frontend/conform/reports/reports.h"

namespace ringside::conform {

bool merge(std::span<const SuiteRun> shards, SuiteRun& all, std::string& error) {
  SuiteRun merged;
  std::map<std::pair<std::string, std::string>, Verdict> met;
  for (const SuiteRun& shard : shards) {
    if (merged.program.empty()) merged.program = shard.program;
    if (shard.program != merged.program) {
      error = fmt::format("a shard was run by {}, another by {}; run all with the same", merged.program,
                          shard.program);
      return false;
    }
    merged.host_seconds += shard.host_seconds;
    for (const TestResult& test : shard.tests) {
      const auto [there, is_new] = met.try_emplace({test.suite, test.name}, test.verdict);
      if (is_new) merged.tests.push_back(test);
      if (there->second == test.verdict) continue;
      error = fmt::format("{}: {} came twice, once {} and once {}; merge the shards of one run", test.suite,
                          test.name, verdict_name(there->second), verdict_name(test.verdict));
      return false;
    }
  }
  all = std::move(merged);
  return true;
}

}  // namespace ringside::conform
