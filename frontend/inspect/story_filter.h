// Owns which events of VMX a story tells: by exit reason, by count, every Nth.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

#include "vmx/exit_info.h"

namespace ringside {

struct StoryFilter {
  // Reasons whose exits are told; none: all, unless `refused`.
  std::bitset<exit_reason_limit> reasons;
  bool refused =
      false;  // entries that were refused and VMX instructions that failed; with `reasons` beside them
  u64 from = 0, to = ~u64{0};  // instructions that the CPU has retired
  u64 every = 1;               // of the exits that are left, the first and each Nth after it

  bool tells(ExitReason reason) const {
    return reasons.none() ? !refused : reasons.test(static_cast<std::size_t>(reason) % exit_reason_limit);
  }
  bool tells_entries() const { return reasons.none() && !refused; }
  bool tells_refusals() const { return reasons.none() || refused; }
  bool tells_at(u64 count) const { return count >= from && count <= to; }
};

// "ept-violation,48,refused,from=1000,to=2000,every=100": reasons by number or by a part of their name that
// no other has. nullopt and one line in `error`.
std::optional<StoryFilter> parse_story_filter(std::string_view text, std::string& error);

}  // namespace ringside
