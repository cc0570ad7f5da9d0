// Owns the count of what was taken over from the peer, and the remarks that tell of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

class TakenWords {
 public:
  // The peer's word was taken, after so many steps that were the same. `where`: worth being told for the
  // first time.
  void took(const std::string& why, u64 steps, std::string where = {});
  std::size_t times() const { return times_; }
  void tell(std::vector<std::string>& remarks) const;

 private:
  struct Taken {
    u64 times = 0, steps = 0;
    std::string first;
  };
  std::map<std::string, Taken> taken_;
  std::size_t times_ = 0;
};

}  // namespace ringside
