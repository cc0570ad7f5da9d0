// Owns counting events over a time that grows.
#pragma once

#include <array>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// As fine as the time is short: when it is too long for the parts that there are, each two become one.
class Density {
 public:
  // At a count of instructions. What was counted behind it was in a run that is no longer known.
  void add(u64 at);
  // What was counted behind this one, but what is in one part with it.
  void forget_after(u64 at);
  // How many were in each of so many equal parts from `begin` to `end`. What is not known so finely is in
  // each of the parts where it may have been.
  std::vector<u32> over(u64 begin, u64 end, unsigned parts) const;

 private:
  std::array<u32, 4096> counts_{};
  u64 width_ = 16;  // of a part, in instructions
  u64 last_ = 0;    // that was added
};

}  // namespace ringside
