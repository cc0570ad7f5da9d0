// Owns x87 addition, subtraction, multiplication, division, square root and comparison. Normal operands are
// handled in line; all others out of line. Sources of meaning: "Programming with the x87 FPU".
#pragma once

#include "cpu/exec/x87/float80_round.h"

namespace ringside::x87 {

// The general cases: any operands, any control word. The short ways below end here.
Float80 add_any(Float80 a, Float80 b, bool subtract, FpuControl control, FpuStatus& raised);
Float80 multiply_any(Float80 a, Float80 b, FpuControl control, FpuStatus& raised);
Float80 divide_any(Float80 a, Float80 b, FpuControl control, FpuStatus& raised);

// The sum of finite non-zero values.
inline Float80 add_unpacked(Unpacked a, Unpacked b, FpuControl control, FpuStatus& raised) {
  if (a.exponent < b.exponent) {
    const Unpacked swapped = a;
    a = b;
    b = swapped;
  }
  const unsigned distance = static_cast<unsigned>(a.exponent - b.exponent);
  const u128 larger = static_cast<u128>(a.significand) << 64;
  u128 smaller;
  if (distance <= 64) [[likely]] {
    smaller = (static_cast<u128>(b.significand) << 64) >> distance;
  } else {
    u64 hi = b.significand;
    u64 lo = 0;
    shift_right_sticky(hi, lo, distance);
    smaller = lo;
  }
  if (a.sign == b.sign) {
    u128 sum = larger + smaller;
    // Without a branch: whether sums carry is anyone's guess.
    const unsigned carry = sum < larger ? 1 : 0;
    sum = sum >> carry | (sum & carry) | static_cast<u128>(carry) << 127;
    const int exponent = a.exponent + static_cast<int>(carry);
    return finish(a.sign, exponent, static_cast<u64>(sum >> 64), static_cast<u64>(sum), control, raised);
  }
  bool sign = a.sign;
  u128 difference = larger - smaller;
  if (larger < smaller) {
    difference = smaller - larger;
    sign = b.sign;
  }
  u64 hi = static_cast<u64>(difference >> 64);
  int exponent = a.exponent;
  if (hi == 0) [[unlikely]] {
    hi = static_cast<u64>(difference);
    if (hi == 0) return Float80::zero(control.rounding() == Rounding::Down);
    difference <<= 64;
    exponent -= 64;
  }
  const int shift = __builtin_clzll(hi);
  difference <<= shift;
  return finish(sign, exponent - shift, static_cast<u64>(difference >> 64), static_cast<u64>(difference),
                control, raised);
}

inline Float80 multiply_unpacked(Unpacked a, Unpacked b, FpuControl control, FpuStatus& raised) {
  u128 product = static_cast<u128>(a.significand) * b.significand;
  const unsigned grown = static_cast<unsigned>(product >> 127);
  product <<= 1 - grown;
  return finish(a.sign != b.sign, a.exponent + b.exponent - 16383 + static_cast<int>(grown),
                static_cast<u64>(product >> 64), static_cast<u64>(product), control, raised);
}

inline Float80 divide_unpacked(Unpacked a, Unpacked b, FpuControl control, FpuStatus& raised) {
  const bool smaller = a.significand < b.significand;
  // The quotient of the significands lies in [2^63, 2^64).
  const u128 dividend = static_cast<u128>(a.significand) << (smaller ? 64 : 63);
  const u64 quotient = static_cast<u64>(dividend / b.significand);
  const u64 rest = static_cast<u64>(dividend) - quotient * b.significand;
  // Against the half: rest * 2 <> divisor, without losing the doubled bit.
  const u64 other = b.significand - rest;
  const u64 lo = rest == 0 ? 0 : rest > other ? bit(63) + 1 : rest == other ? bit(63) : 1;
  return finish(a.sign != b.sign, a.exponent - b.exponent + 16383 - (smaller ? 1 : 0), quotient, lo, control,
                raised);
}

// FADD, FSUB (a - b), FMUL, FDIV (a / b); the reversed forms exchange the operands.
inline Float80 add(Float80 a, Float80 b, FpuControl control, FpuStatus& raised) {
  if (a.is_normal() && b.is_normal()) [[likely]]
    return add_unpacked(Unpacked::of_normal(a), Unpacked::of_normal(b), control, raised);
  return add_any(a, b, false, control, raised);
}
inline Float80 subtract(Float80 a, Float80 b, FpuControl control, FpuStatus& raised) {
  if (a.is_normal() && b.is_normal()) [[likely]]
    return add_unpacked(Unpacked::of_normal(a), Unpacked::of_normal(b.negated()), control, raised);
  return add_any(a, b, true, control, raised);
}
inline Float80 multiply(Float80 a, Float80 b, FpuControl control, FpuStatus& raised) {
  if (a.is_normal() && b.is_normal()) [[likely]]
    return multiply_unpacked(Unpacked::of_normal(a), Unpacked::of_normal(b), control, raised);
  return multiply_any(a, b, control, raised);
}
inline Float80 divide(Float80 a, Float80 b, FpuControl control, FpuStatus& raised) {
  if (a.is_normal() && b.is_normal()) [[likely]]
    return divide_unpacked(Unpacked::of_normal(a), Unpacked::of_normal(b), control, raised);
  return divide_any(a, b, control, raised);
}

// FSQRT.
Float80 square_root(Float80 a, FpuControl control, FpuStatus& raised);

// What a comparison finds, as FCOM's condition codes: C0 less, C3 equal, all of C0, C2 and C3 unordered.
struct Comparison {
  static constexpr u16 greater = 0, less = FpuStatus::C0, equal = FpuStatus::C3;
  static constexpr u16 unordered = FpuStatus::C0 | FpuStatus::C2 | FpuStatus::C3;
};

// FCOM raises IE for any NaN, FUCOM for SNaNs and unsupported values only. The result is one of Comparison's.
u16 compare_any(Float80 a, Float80 b, bool quiet, FpuControl control, FpuStatus& raised);

inline u16 compare(Float80 a, Float80 b, bool quiet, FpuControl control, FpuStatus& raised) {
  if (a.is_normal() && b.is_normal()) [[likely]] {
    if (a.sign() != b.sign()) return a.sign() ? Comparison::less : Comparison::greater;
    const int ea = a.exponent(), eb = b.exponent();
    if (ea == eb && a.significand == b.significand) return Comparison::equal;
    const bool below = ea < eb || (ea == eb && a.significand < b.significand);
    return below != a.sign() ? Comparison::less : Comparison::greater;
  }
  return compare_any(a, b, quiet, control, raised);
}

// FXAM's C3, C2, C0 and, for the sign, C1 of a register that is not empty.
u16 examine(Float80 a);

}  // namespace ringside::x87
