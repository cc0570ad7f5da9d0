// Owns the choice of the checkpoint that is missed least.
#include "frontend/replay/thinning.h"

#include <algorithm>

namespace ringside {

std::size_t missed_least(std::span<const double> seconds, std::size_t kept) {
  std::size_t best = 0;
  double smallest = 0;
  for (std::size_t n = 1; n + 1 < seconds.size(); ++n) {
    if (n == kept) continue;
    constexpr double shortest_age = 0.01;
    const double age = std::max(seconds.back() - seconds[n], shortest_age);
    const double share = (seconds[n + 1] - seconds[n - 1]) / age;
    if (best != 0 && share >= smallest) continue;
    best = n;
    smallest = share;
  }
  return best;
}

}  // namespace ringside
