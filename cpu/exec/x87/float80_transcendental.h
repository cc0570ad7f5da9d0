// Owns the transcendental x87 instructions: correctly rounded by RC to 64 bits, the same on every host. A
// real processor's results differ from these by less than one unit in the last place.
#pragma once

#include "cpu/exec/x87/float80_round.h"

namespace ringside::x87 {

// F2XM1: 2^x - 1 for -1 <= x <= 1. Outside, where the manual promises nothing: x itself, as processors
// answer.
Float80 exp2_minus_one(Float80 x, FpuControl control, FpuStatus& raised);

// FYL2X: y * log2(x). FYL2XP1: y * log2(x + 1), for x <= -1, where the manual promises nothing, x itself.
Float80 y_log2(Float80 x, Float80 y, FpuControl control, FpuStatus& raised);
Float80 y_log2_plus_one(Float80 x, Float80 y, FpuControl control, FpuStatus& raised);

// FPATAN: the angle of the point (x, y), x being ST(0) and y ST(1).
Float80 arctangent(Float80 x, Float80 y, FpuControl control, FpuStatus& raised);

// FSIN, FCOS. An operand of 2^63 or more in magnitude raises C2 and stays as it is.
Float80 sine(Float80 x, FpuControl control, FpuStatus& raised);
Float80 cosine(Float80 x, FpuControl control, FpuStatus& raised);

// FSINCOS and FPTAN replace ST(0) and push, unless they raise C2: then nothing moves.
struct Pair {
  Float80 replaced, pushed;
};
Pair sine_cosine(Float80 x, FpuControl control, FpuStatus& raised);
Pair tangent(Float80 x, FpuControl control, FpuStatus& raised);

}  // namespace ringside::x87
