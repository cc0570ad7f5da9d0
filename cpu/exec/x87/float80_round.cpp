// Owns rounding, overflow and underflow of 80-bit results, and what becomes of NaN operands.
#include "cpu/exec/x87/float80_round.h"

namespace ringside::x87 {

RoundedSignificand round_significand(u64 hi, u64 lo, unsigned drop, Rounding rounding, bool sign) {
  u64 rest = lo;
  if (drop != 0) {
    rest = hi << (64 - drop) | static_cast<u64>(lo != 0);
    hi = hi >> drop << drop;
  }
  constexpr u64 half = bit(63);
  bool up = false;
  switch (rounding) {
    case Rounding::Nearest: up = rest > half || (rest == half && (hi >> drop & 1) != 0); break;
    case Rounding::Down: up = sign && rest != 0; break;
    case Rounding::Up: up = !sign && rest != 0; break;
    case Rounding::Zero: break;
  }
  const u64 sum = hi + (up ? u64{1} << drop : 0);
  const bool carried = sum < hi;
  return {carried ? bit(63) : sum, carried, rest != 0, up};
}

void shift_right_sticky(u64& hi, u64& lo, unsigned count) {
  if (count == 0) return;
  if (count < 64) {
    const bool lost = lo << (64 - count) != 0;
    lo = lo >> count | hi << (64 - count) | static_cast<u64>(lost);
    hi >>= count;
  } else if (count < 128) {
    const bool lost = lo != 0 || (count > 64 && hi << (128 - count) != 0);
    lo = hi >> (count - 64) | static_cast<u64>(lost);
    hi = 0;
  } else {
    lo = static_cast<u64>((hi | lo) != 0);
    hi = 0;
  }
}

Float80 round_and_pack(bool sign, int exponent, u64 hi, u64 lo, FpuControl control, FpuStatus& raised) {
  const unsigned drop = control.dropped_bits();
  const Rounding rounding = control.rounding();
  // 53 bits to nearest is what some systems run everything with.
  if (drop != 0 && rounding == Rounding::Nearest && exponent >= 1 && exponent < 0x7ffe) [[likely]] {
    const u64 rest = hi << (64 - drop) | static_cast<u64>(lo != 0);
    const u64 whole = hi >> drop;
    const u64 up = (rest >> 63) & static_cast<u64>((rest << 1 | (whole & 1)) != 0);
    const u64 sum = (whole + up) << drop;
    const u64 carry = static_cast<u64>(sum == 0);
    raised.raise(static_cast<u16>((rest != 0 ? FpuStatus::PE : 0) | up << 9));
    return Float80::make(sign, exponent + static_cast<int>(carry), sum | carry << 63);
  }
  RoundedSignificand rounded = round_significand(hi, lo, drop, rounding, sign);
  const int biased = exponent + (rounded.carried ? 1 : 0);
  const auto pack = [&](int at) {
    if (rounded.inexact) raised.raise(FpuStatus::PE);
    if (rounded.up) raised.raise(FpuStatus::C1);
    return Float80::make(sign, at, rounded.value);
  };
  if (biased >= 1 && biased <= 0x7ffe) return pack(biased);

  if (biased > 0x7ffe) {
    raised.raise(FpuStatus::OE);
    if (!control.masks(FpuStatus::OE)) return pack(biased - bias_adjustment);
    raised.raise(FpuStatus::PE);
    const bool to_infinity =
        rounding == Rounding::Nearest || rounding == (sign ? Rounding::Down : Rounding::Up);
    if (!to_infinity) return Float80::make(sign, 0x7ffe, ~u64{0} << drop);
    raised.raise(FpuStatus::C1);
    return Float80::infinity(sign);
  }

  if (!control.masks(FpuStatus::UE)) {
    raised.raise(FpuStatus::UE);
    return pack(biased + bias_adjustment);
  }
  shift_right_sticky(hi, lo, static_cast<unsigned>(1 - exponent));
  rounded = round_significand(hi, lo, drop, rounding, sign);
  if (rounded.inexact) raised.raise(FpuStatus::UE);
  return pack(rounded.value >> 63 != 0 ? 1 : 0);
}

bool special_operand(Float80 a, Float80& result, FpuStatus& raised) {
  if (a.is_unsupported()) {
    result = invalid(raised);
    return true;
  }
  if (!a.is_nan()) return false;
  if (a.is_signalling()) raised.raise(FpuStatus::IE);
  result = a.quieted();
  return true;
}

bool special_operands(Float80 a, Float80 b, Float80& result, FpuStatus& raised) {
  if (a.is_unsupported() || b.is_unsupported()) {
    result = invalid(raised);
    return true;
  }
  if (!a.is_nan() && !b.is_nan()) return false;
  if (a.is_signalling() || b.is_signalling()) raised.raise(FpuStatus::IE);
  const auto pick = [&] {
    if (!b.is_nan()) return a;
    if (!a.is_nan()) return b;
    if (a.is_signalling() != b.is_signalling()) return a.is_signalling() ? b : a;
    if (a.significand != b.significand) return a.significand > b.significand ? a : b;
    return a.sign() ? b : a;
  };
  result = pick().quieted();
  return true;
}

}  // namespace ringside::x87
