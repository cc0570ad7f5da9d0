// Owns what a person may have meant by a word that nobody knows.
#include "frontend/inspect/nearest.h"

#include <algorithm>
#include <numeric>

namespace ringside {
namespace {

// Edits (insert, delete, replace, two neighbours that change places) that make one word of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::move(last);
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& known) {
  constexpr std::size_t longest = 64, shortest = 3, most = 3;
  if (word.size() > longest || word.size() < shortest) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t least = std::min(most, word.size() / 6 + 1) + 1;
  for (const std::string_view candidate : known) {
    if (candidate.size() < shortest) continue;
    if (const std::size_t d = distance(word, candidate); d < least) {
      best = candidate;
      least = d;
    }
  }
  return best;
}

}  // namespace ringside
