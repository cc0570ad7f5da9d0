// Owns FPREM, FPREM1, FSCALE and FXTRACT.
#pragma once

#include "cpu/exec/x87/float80_round.h"

namespace ringside::x87 {

// FPREM (quotient towards zero) and FPREM1 (to nearest, the IEEE remainder) of a by b. Raises C2 when the
// reduction is partial; when complete, C0, C3 and C1 are the quotient's bits 2, 1 and 0.
Float80 partial_remainder(Float80 a, Float80 b, bool to_nearest, FpuControl control, FpuStatus& raised);

// FSCALE: a * 2^(b cut to a whole number).
Float80 scale(Float80 a, Float80 b, FpuControl control, FpuStatus& raised);

// FXTRACT: the exponent replaces ST(0), then the significand is pushed.
struct Extracted {
  Float80 exponent, significand;
};
Extracted extract(Float80 a, FpuControl control, FpuStatus& raised);

}  // namespace ringside::x87
