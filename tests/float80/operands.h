// Owns the operands that the 80-bit tests feed: every class, neighbours of the exponents' ends, halfway
// cases.
#pragma once

#include "cpu/exec/x87/float80.h"
#include "tests/random.h"

namespace ringside {

class Operands : public Random {
 public:
  using Random::Random;

  // Patterns that rounding finds hard: long runs, single bits, halves of each precision.
  u64 pattern() {
    const u64 random = next();
    switch (below(10)) {
      case 0: return 0;
      case 1: return ~u64{0};
      case 2: return bit(static_cast<unsigned>(below(64)));
      case 3: return ~u64{0} << below(64);
      case 4: return ~u64{0} >> below(64);
      case 5: return (random & ~bit_range(0, 10)) | (u64{0x3ff} + below(4));
      case 6: return (random & ~bit_range(0, 39)) | (bit(39) - 1 + below(4));
      case 7: return random & ~bit_range(0, 39);
      default: return random;
    }
  }

  Float80 value() {
    const bool sign = (next() & bit(40)) != 0;
    switch (below(24)) {
      case 0: return Float80::zero(sign);
      case 1: return Float80::infinity(sign);
      case 2: return Float80::make(sign, 0x7fff, pattern());                           // NaNs and pseudo-NaNs
      case 3: return Float80::make(sign, 0, pattern());                                // denormals
      case 4: return Float80::make(sign, static_cast<int>(below(0x8000)), pattern());  // also unnormals
      case 5: return Float80::make(sign, static_cast<int>(1 + below(70)), pattern() | bit(63));
      case 6: return Float80::make(sign, static_cast<int>(0x7ffe - below(70)), pattern() | bit(63));
      case 7: return Float80::make(sign, static_cast<int>(below(0x7ffe) + 1), pattern() | bit(63));
      case 8:
        return Float80::make(sign, static_cast<int>(16383 - 1022 - 60 + below(64)), pattern() | bit(63));
      case 9: return Float80::make(sign, static_cast<int>(16383 - 126 - 60 + below(64)), pattern() | bit(63));
      case 10: return Float80::make(sign, static_cast<int>(16383 + 1020 + below(6)), pattern() | bit(63));
      case 11: return Float80::make(sign, static_cast<int>(16383 + 124 + below(6)), pattern() | bit(63));
      case 12: return Float80::make(sign, static_cast<int>(16383 / 2 - 2 + below(5)), pattern() | bit(63));
      case 13:
        return Float80::make(sign, static_cast<int>(16383 + 16383 / 2 - 2 + below(5)), pattern() | bit(63));
      default: return Float80::make(sign, static_cast<int>(16383 - 70 + below(140)), pattern() | bit(63));
    }
  }

  // Sometimes close to `other`, where cancellation and equality happen.
  Float80 value_near(Float80 other) {
    switch (below(4)) {
      case 0: {
        Float80 near = other;
        near.significand += below(5) - 2;
        near.sign_exponent = static_cast<u16>(near.sign_exponent + below(3) - 1);
        if (below(2) != 0) near.sign_exponent ^= 0x8000;
        return near;
      }
      case 1: {
        const int exponent = other.exponent() - 130 + static_cast<int>(below(260));
        if (exponent > 0 && exponent < 0x7fff)
          return Float80::make(below(2) != 0, exponent, pattern() | bit(63));
        return value();
      }
      default: return value();
    }
  }

  // All roundings and precisions; half of them mask everything, the others mask at random.
  u16 control() {
    const u64 random = next() >> 20;
    const u16 masks = (random & 1) != 0 ? 0x3f : static_cast<u16>(random >> 1 & 0x3f);
    return static_cast<u16>(masks | 0x40 | (random >> 8 & 0xf00));
  }
};

}  // namespace ringside
