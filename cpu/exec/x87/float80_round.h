// Owns the last step of every x87 calculation: an exact result becomes a Float80 by the control word, with
// the exceptions that this raises.
#pragma once

#include "cpu/exec/x87/float80.h"

namespace ringside::x87 {

// A significand cut at a bit, with what became of the rest.
struct RoundedSignificand {
  u64 value;
  bool carried;  // the sum reached 2^64; value is then 2^63, of twice the weight
  bool inexact;
  bool up;  // away from zero: C1
};

// Rounds hi.lo (lo: the fraction below hi's bit 0, sticky bits allowed) to a multiple of 2^drop, drop in
// 0..40.
RoundedSignificand round_significand(u64 hi, u64 lo, unsigned drop, Rounding rounding, bool sign);

// hi.lo shifted right by `count` >= 0, lost bits kept sticky in lo's bit 0.
void shift_right_sticky(u64& hi, u64& lo, unsigned count);

// By how much the exponent of an unmasked overflow's or underflow's result is moved into range.
constexpr int bias_adjustment = 24576;

// The value (-1)^sign * hi.lo * 2^(exponent - 16383 - 63), bit 63 of hi set, rounded as RC and PC say. Raises
// OE, UE, PE and C1. Tininess is detected after rounding. An unmasked overflow or underflow gives the result
// with the exponent moved by bias_adjustment.
Float80 round_and_pack(bool sign, int exponent, u64 hi, u64 lo, FpuControl control, FpuStatus& raised);

// round_and_pack with the common case in line.
inline Float80 finish(bool sign, int exponent, u64 hi, u64 lo, FpuControl control, FpuStatus& raised) {
  if (control.is_default()) [[likely]] {
    const u64 up = (lo >> 63) & static_cast<u64>((lo << 1 | (hi & 1)) != 0);
    const u64 sum = hi + up;
    const u64 carry = static_cast<u64>(sum == 0);
    const int biased = exponent + static_cast<int>(carry);
    if (static_cast<unsigned>(biased - 1) < 0x7ffe) [[likely]] {
      raised.raise(static_cast<u16>((lo != 0 ? FpuStatus::PE : 0) | up << 9));
      return Float80::make(sign, biased, sum | carry << 63);
    }
  }
  return round_and_pack(sign, exponent, hi, lo, control, raised);
}

// The invalid-operation response: IE, and the indefinite.
inline Float80 invalid(FpuStatus& raised) {
  raised.raise(FpuStatus::IE);
  return Float80::indefinite();
}

// "Operating on SNaNs and QNaNs". True if an operand is unsupported or a NaN; `result` is then the answer.
bool special_operand(Float80 a, Float80& result, FpuStatus& raised);
bool special_operands(Float80 a, Float80 b, Float80& result, FpuStatus& raised);

// Raises DE if an operand is denormal. True: DE is unmasked, the instruction ends here.
inline bool denormal_stops(Float80 a, FpuControl control, FpuStatus& raised) {
  if (!a.is_denormal()) return false;
  raised.raise(FpuStatus::DE);
  return !control.masks(FpuStatus::DE);
}
inline bool denormals_stop(Float80 a, Float80 b, FpuControl control, FpuStatus& raised) {
  if (!a.is_denormal() && !b.is_denormal()) return false;
  raised.raise(FpuStatus::DE);
  return !control.masks(FpuStatus::DE);
}

}  // namespace ringside::x87
