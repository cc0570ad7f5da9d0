// Owns the comparison with an earlier run: what failed there already is no news.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "frontend/conform/result.h"

namespace ringside::conform {

class Baseline {
 public:
  // Of what `before` came to. A failure that it expected, by a baseline of its own, counts as one here, too.
  explicit Baseline(const SuiteRun& before);

  // A failure that was there before becomes an expected one, its checks with it. A test with a check that did
  // not fail before, or that failed otherwise (it is broken now), still fails, and its reason says so. Checks
  // are known by their names, of which each may fail as often as before.
  void apply(TestResult& result) const;

 private:
  struct Before {
    Verdict verdict = Verdict::passed;
    std::map<std::string, u64> failed;  // checks, how often
  };
  std::map<std::pair<std::string, std::string>, Before> tests_;
};

}  // namespace ringside::conform
