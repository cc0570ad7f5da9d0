// Owns x87 addition, subtraction, multiplication, division, square root and comparison. Normal operands are
// handled in line; all others out of line. Sources of meaning: "Programming with the x87 FPU".
#pragma once

#include "cpu/exec/x87/float80_round.h"

namespace ringside::x87 {

// The general cases: any operands, any control word. The short ways below end here.
Float80 add_any(Float80 a, Float80 b, bool subtract, FpuControl control, FpuStatus& raised);
Float80 multiply_any(Float80 a, Float80 b, FpuControl control, FpuStatus& raised);
Float80 divide_any(Float80 a, Float80 b, FpuControl control, FpuStatus& raised);

// A result before rounding: (-1)^sign * hi.lo * 2^(exponent - 16383 - 63). Bit 63 of hi is set, but for the
// sum of opposite numbers, where hi is 0.
struct Exact {
  bool sign;
  int exponent;
  u64 hi, lo;
};

// The sum of finite non-zero values. The general one follows.
[[gnu::always_inline]] inline Exact exact_sum(Unpacked a, Unpacked b, u128 smaller) {
  const u128 larger = static_cast<u128>(a.significand) << 64;
  if (a.sign == b.sign) {
    u128 sum = larger + smaller;
    // Without a branch: whether sums carry is anyone's guess.
    const unsigned carry = sum < larger ? 1 : 0;
    sum = sum >> carry | (sum & carry) | static_cast<u128>(carry) << 127;
    return {a.sign, a.exponent + static_cast<int>(carry), static_cast<u64>(sum >> 64), static_cast<u64>(sum)};
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
    if (hi == 0) return {sign, 0, 0, 0};
    difference <<= 64;
    exponent -= 64;
  }
  const int shift = __builtin_clzll(hi);
  difference <<= shift;
  return {sign, exponent - shift, static_cast<u64>(difference >> 64), static_cast<u64>(difference)};
}
inline Float80 add_unpacked(Unpacked a, Unpacked b, FpuControl control, FpuStatus& raised) {
  if (a.exponent < b.exponent) {
    const Unpacked swapped = a;
    a = b;
    b = swapped;
  }
  const unsigned distance = static_cast<unsigned>(a.exponent - b.exponent);
  u128 smaller;
  if (distance <= 64) [[likely]] {
    smaller = (static_cast<u128>(b.significand) << 64) >> distance;
  } else {
    u64 hi = b.significand;
    u64 lo = 0;
    shift_right_sticky(hi, lo, distance);
    smaller = lo;
  }
  const Exact sum = exact_sum(a, b, smaller);
  if (sum.hi == 0) return Float80::zero(control.rounding() == Rounding::Down);
  return finish(sum.sign, sum.exponent, sum.hi, sum.lo, control, raised);
}

[[gnu::always_inline]] inline Exact exact_product(Unpacked a, Unpacked b) {
  u128 product = static_cast<u128>(a.significand) * b.significand;
  const unsigned grown = static_cast<unsigned>(product >> 127);
  product <<= 1 - grown;
  return {a.sign != b.sign, a.exponent + b.exponent - 16383 + static_cast<int>(grown),
          static_cast<u64>(product >> 64), static_cast<u64>(product)};
}
inline Float80 multiply_unpacked(Unpacked a, Unpacked b, FpuControl control, FpuStatus& raised) {
  const Exact product = exact_product(a, b);
  return finish(product.sign, product.exponent, product.hi, product.lo, control, raised);
}

// Of a dividend whose upper half is below the divisor: the quotient has 64 bits. Compilers call a function
// for this, since they do not know that.
inline u64 divided(u128 dividend, u64 divisor, u64& rest) {
#if defined(__x86_64__)
  u64 quotient;
  asm("divq %4"
      : "=a"(quotient), "=d"(rest)
      : "a"(static_cast<u64>(dividend)), "d"(static_cast<u64>(dividend >> 64)), "r"(divisor)
      : "cc");
  return quotient;
#else
  const u64 quotient = static_cast<u64>(dividend / divisor);
  rest = static_cast<u64>(dividend) - quotient * divisor;
  return quotient;
#endif
}

[[gnu::always_inline]] inline Exact exact_quotient(Unpacked a, Unpacked b) {
  const bool smaller = a.significand < b.significand;
  // The quotient of the significands lies in [2^63, 2^64).
  const u128 dividend = static_cast<u128>(a.significand) << (smaller ? 64 : 63);
  u64 rest;
  const u64 quotient = divided(dividend, b.significand, rest);
  // Against the half: rest * 2 <> divisor, without losing the doubled bit.
  const u64 other = b.significand - rest;
  const u64 lo = rest == 0 ? 0 : rest > other ? bit(63) + 1 : rest == other ? bit(63) : 1;
  return {a.sign != b.sign, a.exponent - b.exponent + 16383 - (smaller ? 1 : 0), quotient, lo};
}
inline Float80 divide_unpacked(Unpacked a, Unpacked b, FpuControl control, FpuStatus& raised) {
  const Exact quotient = exact_quotient(a, b);
  return finish(quotient.sign, quotient.exponent, quotient.hi, quotient.lo, control, raised);
}

// -- The short way: normal operands, 64 bits to nearest. False: the operation is to be done as below.
[[gnu::always_inline]] inline bool round_short(const Exact& exact, Float80& result, FpuStatus& raised) {
  const u64 up = (exact.lo >> 63) & static_cast<u64>((exact.lo << 1 | (exact.hi & 1)) != 0);
  const u64 sum = exact.hi + up;
  const u64 carry = static_cast<u64>(sum == 0);
  const int biased = exact.exponent + static_cast<int>(carry);
  if (static_cast<unsigned>(biased - 1) >= 0x7ffe) [[unlikely]]
    return false;
  raised.raise(static_cast<u16>((exact.lo != 0 ? FpuStatus::PE : 0) | up << 9));
  result = Float80::make(exact.sign, biased, sum | carry << 63);
  return true;
}
[[gnu::always_inline]] inline bool add_short(Float80 x, Float80 y, Float80& result, FpuStatus& raised) {
  const bool swap = x.exponent() < y.exponent();
  const Unpacked a = Unpacked::of_normal(swap ? y : x), b = Unpacked::of_normal(swap ? x : y);
  const unsigned distance = static_cast<unsigned>(a.exponent - b.exponent);
  if (distance > 63) [[unlikely]]
    return false;
  const u64 up = b.significand >> distance, down = b.significand << 1 << (63 - distance);
  const Exact sum = exact_sum(a, b, static_cast<u128>(up) << 64 | down);
  return sum.hi != 0 && round_short(sum, result, raised);
}
[[gnu::always_inline]] inline bool multiply_short(Float80 a, Float80 b, Float80& result, FpuStatus& raised) {
  return round_short(exact_product(Unpacked::of_normal(a), Unpacked::of_normal(b)), result, raised);
}
[[gnu::always_inline]] inline bool divide_short(Float80 a, Float80 b, Float80& result, FpuStatus& raised) {
  return round_short(exact_quotient(Unpacked::of_normal(a), Unpacked::of_normal(b)), result, raised);
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
