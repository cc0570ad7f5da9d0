// Owns x87 arithmetic on zeros, infinities, denormals and NaNs, the square root, and comparison.
#include "cpu/exec/x87/float80_arith.h"

namespace ringside::x87 {

namespace {

// floor(sqrt(n)) for n >= 2^126, and what is left over. In integers only: the host's own root would leave
// marks in the host's floating-point status.
u64 integer_square_root(u128 n, u128& rest) {
  const auto high = [](u64 a, u64 b) { return static_cast<u64>(static_cast<u128>(a) * b >> 64); };
  const u64 x = static_cast<u64>(n >> 64);  // a fraction in [1/4, 1)
  // The reciprocal root with 62 fraction bits: a parabola good to 2.5 %, then Newton's y (3 - x y y) / 2
  // three times, which stays below the true value and ends within 2e-12 of it.
  u64 y = 0x2abbbde381c76400 - high(0x3490d219ef39a200, x) + high(high(0x1a3792f0673be400, x), x);
  y <<= 2;
  for (int round = 0; round < 3; ++round) {
    const u64 product = high(x, high(y, y));  // with 60 fraction bits, near 1
    y = high(y, (u64{3} << 60) - product) << 3;
  }
  constexpr u64 margin = 64;  // for what the multiplications cut off
  u64 root = high(x, y);
  root = (root >> 62 != 0 ? ~u64{0} : root << 2) - margin;
  rest = n - static_cast<u128>(root) * root;
  // One step of the root itself: rest / (2 root) is rest * y / 2.
  root += high(static_cast<u64>(rest >> 27), y) >> 36;
  u128 square = static_cast<u128>(root) * root;
  while (square > n) {
    square -= 2 * static_cast<u128>(root) - 1;
    --root;
  }
  while (root != ~u64{0} && n - square > 2 * static_cast<u128>(root)) {
    square += 2 * static_cast<u128>(root) + 1;
    ++root;
  }
  rest = n - square;
  return root;
}

}  // namespace

Float80 add_any(Float80 a, Float80 b, bool subtract, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operands(a, b, result, raised)) return result;
  if (subtract) b = b.negated();
  if (a.is_infinity() && b.is_infinity() && a.sign() != b.sign()) return invalid(raised);
  if (denormals_stop(a, b, control, raised)) return a;
  if (a.is_infinity()) return a;
  if (b.is_infinity()) return b;
  if (a.is_zero() && b.is_zero())
    return Float80::zero(a.sign() == b.sign() ? a.sign() : control.rounding() == Rounding::Down);
  if (a.is_zero() || b.is_zero()) {
    const Unpacked sole = Unpacked::of(a.is_zero() ? b : a);
    return finish(sole.sign, sole.exponent, sole.significand, 0, control, raised);
  }
  return add_unpacked(Unpacked::of(a), Unpacked::of(b), control, raised);
}

Float80 multiply_any(Float80 a, Float80 b, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operands(a, b, result, raised)) return result;
  const bool sign = a.sign() != b.sign();
  if ((a.is_infinity() && b.is_zero()) || (a.is_zero() && b.is_infinity())) return invalid(raised);
  if (denormals_stop(a, b, control, raised)) return a;
  if (a.is_infinity() || b.is_infinity()) return Float80::infinity(sign);
  if (a.is_zero() || b.is_zero()) return Float80::zero(sign);
  return multiply_unpacked(Unpacked::of(a), Unpacked::of(b), control, raised);
}

Float80 divide_any(Float80 a, Float80 b, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operands(a, b, result, raised)) return result;
  const bool sign = a.sign() != b.sign();
  if ((a.is_infinity() && b.is_infinity()) || (a.is_zero() && b.is_zero())) return invalid(raised);
  if (b.is_zero() && !a.is_infinity()) {
    raised.raise(FpuStatus::ZE);
    return Float80::infinity(sign);
  }
  if (denormals_stop(a, b, control, raised)) return a;
  if (a.is_infinity()) return Float80::infinity(sign);
  if (a.is_zero() || b.is_infinity()) return Float80::zero(sign);
  return divide_unpacked(Unpacked::of(a), Unpacked::of(b), control, raised);
}

Float80 square_root(Float80 a, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operand(a, result, raised)) return result;
  if (a.is_zero()) return a;
  if (a.sign()) return invalid(raised);
  if (denormal_stops(a, control, raised)) return a;
  if (a.is_infinity()) return a;
  const Unpacked value = Unpacked::of(a);
  // An even power of two outside the root: the significand becomes 2^126..2^128.
  const int power = value.exponent - 16383;
  const bool odd = (power & 1) != 0;
  u128 rest;
  const u64 root = integer_square_root(static_cast<u128>(value.significand) << (odd ? 64 : 63), rest);
  // (root + 1/2)^2 = root^2 + root + 1/4: above the half if rest > root, never on it.
  const u64 lo = rest == 0 ? 0 : rest > root ? bit(63) + 1 : 1;
  return finish(false, (power - (odd ? 1 : 0)) / 2 + 16383, root, lo, control, raised);
}

u16 compare_any(Float80 a, Float80 b, bool quiet, FpuControl control, FpuStatus& raised) {
  if (a.is_unsupported() || b.is_unsupported() || a.is_nan() || b.is_nan()) {
    const bool bad = a.is_unsupported() || b.is_unsupported() || a.is_signalling() || b.is_signalling();
    if (bad || !quiet) raised.raise(FpuStatus::IE);
    return Comparison::unordered;
  }
  denormals_stop(a, b, control, raised);
  if (a.is_zero() && b.is_zero()) return Comparison::equal;
  if (a.sign() != b.sign()) return a.sign() ? Comparison::less : Comparison::greater;
  // A pseudo-denormal has the weight of exponent 1.
  const auto weight = [](Float80 v) {
    const int exponent = v.exponent() == 0 && v.significand >> 63 != 0 ? 1 : v.exponent();
    return static_cast<u128>(exponent) << 64 | v.significand;
  };
  const u128 wa = weight(a), wb = weight(b);
  if (wa == wb) return Comparison::equal;
  return (wa < wb) != a.sign() ? Comparison::less : Comparison::greater;
}

u16 examine(Float80 a) {
  const unsigned code = static_cast<unsigned>(a.classify());
  return static_cast<u16>((code & 1 ? FpuStatus::C0 : 0) | (code & 2 ? FpuStatus::C2 : 0) |
                          (code & 4 ? FpuStatus::C3 : 0) | (a.sign() ? FpuStatus::C1 : 0));
}

}  // namespace ringside::x87
