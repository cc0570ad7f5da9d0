// Owns the random numbers of the tests: for one seed the same in every run and on every host.
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

// xorshift64*. Any seed will do, 0 too.
class Random {
 public:
  explicit Random(u64 seed) : state_(seed * 0x9e3779b97f4a7c15 | 1) {}

  u64 next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }
  // 0 to n - 1; n is not 0.
  u64 below(u64 n) { return (next() >> 11) % n; }
  bool one_in(u64 n) { return below(n) == 0; }

 private:
  u64 state_;
};

}  // namespace ringside
