// Owns the remainders, the scaling and the taking apart of 80-bit values.
#include "cpu/exec/x87/float80_remainder.h"

#include "cpu/exec/x87/float80_convert.h"

namespace ringside::x87 {

Float80 partial_remainder(Float80 a, Float80 b, bool to_nearest, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operands(a, b, result, raised)) return result;
  if (a.is_infinity() || b.is_zero()) return invalid(raised);
  if (denormals_stop(a, b, control, raised)) return a;
  if (a.is_zero()) return a;

  const FpuControl full = control.full_precision();
  const Unpacked x = Unpacked::of(a);
  const auto pack = [&](bool sign, int exponent, u64 significand) {
    if (significand == 0) return Float80::zero(sign);
    const int shift = __builtin_clzll(significand);
    return finish(sign, exponent - shift, significand << shift, 0, full, raised);
  };
  if (b.is_infinity()) return pack(x.sign, x.exponent, x.significand);
  const Unpacked y = Unpacked::of(b);
  const int distance = x.exponent - y.exponent;
  if (distance >= 64) {
    // As much as one pass takes off: the exponents come nearer by 32 to 63.
    raised.raise(FpuStatus::C2);
    const int reduction = 32 + distance % 32;
    const u64 rest = static_cast<u64>((static_cast<u128>(x.significand) << reduction) % y.significand);
    return pack(x.sign, x.exponent - reduction, rest);
  }
  u64 quotient = 0;
  u64 rest = x.significand;
  int exponent = x.exponent;
  bool sign = x.sign;
  if (distance >= 0) {
    const u128 dividend = static_cast<u128>(x.significand) << distance;
    quotient = static_cast<u64>(dividend / y.significand);
    rest = static_cast<u64>(dividend % y.significand);
    exponent = y.exponent;
  }
  if (to_nearest && distance >= -1) {
    // Twice the rest against the divisor, on the divisor's scale; at distance -1 the rest stands for half of
    // itself.
    const u64 complement = y.significand - rest;
    const bool above = distance >= 0 ? rest > complement || (rest == complement && (quotient & 1) != 0)
                                     : rest > y.significand;
    if (above) {
      ++quotient;
      sign = !sign;
      if (distance >= 0) {
        rest = complement;
      } else {
        // y - x/2 in units of half: 2y - x, which is below y and fits.
        rest = static_cast<u64>((static_cast<u128>(y.significand) << 1) - rest);
      }
    }
  }
  if (rest == 0) sign = x.sign;
  if (quotient & 4) raised.raise(FpuStatus::C0);
  if (quotient & 2) raised.raise(FpuStatus::C3);
  result = pack(sign, exponent, rest);
  if (quotient & 1) raised.raise(FpuStatus::C1);
  return result;
}

Float80 scale(Float80 a, Float80 b, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operands(a, b, result, raised)) return result;
  if (b.is_infinity() && (b.sign() ? a.is_infinity() : a.is_zero())) return invalid(raised);
  if (denormals_stop(a, b, control, raised)) return a;
  if (b.is_infinity()) return b.sign() ? Float80::zero(a.sign()) : Float80::infinity(a.sign());
  if (a.is_zero() || a.is_infinity()) return a;

  // Beyond +-2^16 every result is out of range, even with the exponent moved for an unmasked exception.
  int power = 0;
  if (b.exponent() >= 16383 + 16) {
    power = 0x10000;
  } else if (b.exponent() >= 16383) {
    power = static_cast<int>(b.significand >> (63 - (b.exponent() - 16383)));
  }
  if (b.sign()) power = -power;
  const Unpacked value = Unpacked::of(a);
  const int exponent = value.exponent + power;
  // So far out that even the moved exponent of an unmasked exception does not reach.
  if (exponent - bias_adjustment > 0x7ffe && !control.masks(FpuStatus::OE)) {
    raised.raise(FpuStatus::OE | FpuStatus::PE | FpuStatus::C1);
    return Float80::infinity(value.sign);
  }
  if (exponent + bias_adjustment < 1 && !control.masks(FpuStatus::UE)) {
    raised.raise(FpuStatus::UE | FpuStatus::PE);
    return Float80::zero(value.sign);
  }
  return finish(value.sign, exponent, value.significand, 0, control.full_precision(), raised);
}

Extracted extract(Float80 a, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operand(a, result, raised)) return {result, result};
  if (a.is_infinity()) return {Float80::infinity(false), a};
  if (a.is_zero()) {
    raised.raise(FpuStatus::ZE);
    return {Float80::infinity(true), a};
  }
  if (denormal_stops(a, control, raised)) return {a, a};
  const Unpacked value = Unpacked::of(a);
  return {from_integer(value.exponent - 16383), Float80::make(value.sign, 16383, value.significand)};
}

}  // namespace ringside::x87
