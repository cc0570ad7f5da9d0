// Owns the parts in which events are counted over time.
#include "frontend/debug/density.h"

#include <algorithm>

namespace ringside {

void Density::add(u64 at) {
  if (at < last_) forget_after(at);
  last_ = at;
  for (; at / width_ >= counts_.size(); width_ *= 2) {
    for (std::size_t n = 0; n < counts_.size() / 2; ++n) counts_[n] = counts_[2 * n] + counts_[2 * n + 1];
    std::fill(counts_.begin() + counts_.size() / 2, counts_.end(), 0);
  }
  ++counts_[at / width_];
}

void Density::forget_after(u64 at) {
  last_ = std::min(last_, at);
  const u64 first = at / width_ + 1;
  if (first < counts_.size())
    std::fill(counts_.begin() + static_cast<std::ptrdiff_t>(first), counts_.end(), 0);
}

std::vector<u32> Density::over(u64 begin, u64 end, unsigned parts) const {
  std::vector<u32> all(parts);
  if (end <= begin || parts == 0) return all;
  const double each = static_cast<double>(end - begin) / parts;
  const auto part_at = [&](u64 at) {
    const double share = at <= begin ? 0 : static_cast<double>(at - begin) / each;
    return static_cast<std::size_t>(std::min(share, parts - 1.0));
  };
  const bool finer = static_cast<double>(width_) <= each;
  for (u64 n = 0; n < counts_.size(); ++n) {
    const u64 from = n * width_, to = from + width_ - 1, middle = from + width_ / 2;
    if (counts_[n] == 0 || to < begin || from > end) continue;
    const std::size_t first = part_at(finer ? middle : from), last = part_at(finer ? middle : to);
    for (std::size_t part = first; part <= last; ++part) all[part] += counts_[n];
  }
  return all;
}

}  // namespace ringside
