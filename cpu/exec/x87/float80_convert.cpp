// Owns the uncommon ways between Float80 and the memory formats, integers, packed BCD and the constants.
#include "cpu/exec/x87/float80_convert.h"

#include <array>

namespace ringside::x87 {

namespace {

// The shape of a narrower format.
struct Format {
  int bias;
  int max_exponent;        // the field of infinities and NaNs
  unsigned fraction_bits;  // without the hidden bit
  constexpr unsigned drop() const { return 63 - fraction_bits; }
  constexpr u64 pack(bool sign, int exponent, u64 fraction) const {
    const unsigned total = fraction_bits == 52 ? 63 : 31;
    return static_cast<u64>(sign) << total | static_cast<u64>(exponent) << fraction_bits | fraction;
  }
};
constexpr Format float32_format{127, 0xff, 23};
constexpr Format float64_format{1023, 0x7ff, 52};

// `fraction` is at the top of the significand below the integer bit.
Float80 widen(const Format& format, bool sign, int exponent, u64 fraction, FpuStatus& raised) {
  if (exponent == format.max_exponent) {
    if (fraction == 0) return Float80::infinity(sign);
    if ((fraction & bit(62)) == 0) raised.raise(FpuStatus::IE);
    return Float80::make(sign, 0x7fff, fraction | u64{3} << 62);
  }
  if (exponent == 0) {
    if (fraction == 0) return Float80::zero(sign);
    raised.raise(FpuStatus::DE);
    const int shift = __builtin_clzll(fraction);
    return Float80::make(sign, 16383 - format.bias + 1 - shift, fraction << shift);
  }
  return Float80::make(sign, exponent + 16383 - format.bias, fraction | bit(63));
}

u64 narrow(const Format& format, Float80 a, FpuControl control, FpuStatus& raised) {
  const unsigned drop = format.drop();
  const u64 fraction_mask = bit_range(0, format.fraction_bits - 1);
  const bool sign = a.sign();
  Float80 nan;
  if (special_operand(a, nan, raised))
    return format.pack(nan.sign(), format.max_exponent, nan.significand >> drop & fraction_mask);
  if (a.is_infinity()) return format.pack(sign, format.max_exponent, 0);
  if (a.is_zero()) return format.pack(sign, 0, 0);

  const Unpacked value = Unpacked::of(a);
  const Rounding rounding = control.rounding();
  const int exponent = value.exponent - 16383 + format.bias;
  RoundedSignificand rounded = round_significand(value.significand, 0, drop, rounding, sign);
  int biased = exponent + (rounded.carried ? 1 : 0);
  if (biased >= format.max_exponent) {
    raised.raise(FpuStatus::OE);
    if (!control.masks(FpuStatus::OE)) return 0;
    raised.raise(FpuStatus::PE);
    const bool to_infinity =
        rounding == Rounding::Nearest || rounding == (sign ? Rounding::Down : Rounding::Up);
    if (!to_infinity) return format.pack(sign, format.max_exponent - 1, fraction_mask);
    raised.raise(FpuStatus::C1);
    return format.pack(sign, format.max_exponent, 0);
  }
  if (biased < 1) {
    if (!control.masks(FpuStatus::UE)) {
      raised.raise(FpuStatus::UE);
      return 0;
    }
    u64 hi = value.significand, lo = 0;
    shift_right_sticky(hi, lo, static_cast<unsigned>(1 - exponent));
    rounded = round_significand(hi, lo, drop, rounding, sign);
    if (rounded.inexact) raised.raise(FpuStatus::UE);
    biased = rounded.value >> 63 != 0 ? 1 : 0;
  }
  if (rounded.inexact) raised.raise(FpuStatus::PE);
  if (rounded.up) raised.raise(FpuStatus::C1);
  return format.pack(sign, biased, rounded.value >> drop & fraction_mask);
}

// |a| as a whole number for finite `a`; false if it does not fit into 64 bits.
bool whole(Float80 a, Rounding rounding, RoundedSignificand& rounded) {
  const Unpacked value = Unpacked::of(a);
  const int shift = 16383 + 63 - value.exponent;
  if (shift < 0) return false;
  u64 hi = value.significand, lo = 0;
  shift_right_sticky(hi, lo, static_cast<unsigned>(shift));
  rounded = round_significand(hi, lo, 0, rounding, value.sign);
  return !rounded.carried;
}

void raise_inexact(const RoundedSignificand& rounded, FpuStatus& raised) {
  if (rounded.inexact) raised.raise(FpuStatus::PE);
  if (rounded.up) raised.raise(FpuStatus::C1);
}

}  // namespace

Float80 from_float32_any(u32 bits, FpuStatus& raised) {
  return widen(float32_format, bits >> 31 != 0, static_cast<int>(bits >> 23 & 0xff),
               u64{bits & 0x7fffff} << 40, raised);
}

Float80 from_float64_any(u64 bits, FpuStatus& raised) {
  return widen(float64_format, bits >> 63 != 0, static_cast<int>(bits >> 52 & 0x7ff),
               (bits & bit_range(0, 51)) << 11, raised);
}

u32 to_float32_any(Float80 a, FpuControl control, FpuStatus& raised) {
  return static_cast<u32>(narrow(float32_format, a, control, raised));
}

u64 to_float64_any(Float80 a, FpuControl control, FpuStatus& raised) {
  return narrow(float64_format, a, control, raised);
}

s64 to_integer(Float80 a, unsigned bits, Rounding rounding, FpuStatus& raised) {
  const u64 indefinite = ~u64{0} << (bits - 1);
  const auto refuse = [&] {
    raised.raise(FpuStatus::IE);
    return static_cast<s64>(indefinite);
  };
  if (a.is_zero()) return 0;
  if (a.exponent() == 0x7fff || a.is_unsupported()) return refuse();
  RoundedSignificand rounded;
  if (!whole(a, rounding, rounded)) return refuse();
  const u64 limit = u64{1} << (bits - 1);
  if (rounded.value > limit || (rounded.value == limit && !a.sign())) return refuse();
  raise_inexact(rounded, raised);
  return static_cast<s64>(a.sign() ? 0 - rounded.value : rounded.value);
}

Float80 round_to_integer(Float80 a, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operand(a, result, raised)) return result;
  if (a.is_zero() || a.is_infinity() || a.exponent() >= 16383 + 63) return a;
  if (denormal_stops(a, control, raised)) return a;
  RoundedSignificand rounded;
  if (!whole(a, control.rounding(), rounded)) return a;
  raise_inexact(rounded, raised);
  if (rounded.value == 0) return Float80::zero(a.sign());
  const int shift = __builtin_clzll(rounded.value);
  return Float80::make(a.sign(), 16383 + 63 - shift, rounded.value << shift);
}

Float80 from_bcd(PackedBcd value) {
  u64 number = 0;
  for (int shift = 4; shift >= 0; shift -= 4) number = number * 10 + (value.high >> shift & 15);
  for (int shift = 60; shift >= 0; shift -= 4) number = number * 10 + (value.low >> shift & 15);
  const bool sign = (value.high & 0x8000) != 0;
  const Float80 magnitude = from_integer(static_cast<s64>(number));
  return Float80::make(sign, magnitude.exponent(), magnitude.significand);
}

PackedBcd to_bcd(Float80 a, FpuControl control, FpuStatus& raised) {
  constexpr u64 limit = 1'000'000'000'000'000'000;
  const u16 sign = a.sign() ? 0x8000 : 0;
  const auto refuse = [&] {
    raised.raise(FpuStatus::IE);
    return PackedBcd::indefinite();
  };
  if (a.is_zero()) return {0, sign};
  if (a.exponent() == 0x7fff || a.is_unsupported()) return refuse();
  RoundedSignificand rounded;
  if (!whole(a, control.rounding(), rounded) || rounded.value >= limit) return refuse();
  raise_inexact(rounded, raised);
  PackedBcd result;
  u64 rest = rounded.value;
  for (int shift = 0; shift < 64; shift += 4) {
    result.low |= rest % 10 << shift;
    rest /= 10;
  }
  result.high = static_cast<u16>(sign | rest / 10 << 4 | rest % 10);
  return result;
}

Float80 constant(FpuConstant which, Rounding rounding) {
  // Each rounded to nearest, and its neighbour if the true value lies on that neighbour's side.
  struct Entry {
    Float80 down, nearest, up;
  };
  constexpr Entry same_one{Float80::one(), Float80::one(), Float80::one()};
  constexpr Entry same_zero{};
  static constexpr std::array<Entry, 7> entries{{
      same_one,
      {{0xd49a784bcd1b8afe, 0x4000}, {0xd49a784bcd1b8afe, 0x4000}, {0xd49a784bcd1b8aff, 0x4000}},
      {{0xb8aa3b295c17f0bb, 0x3fff}, {0xb8aa3b295c17f0bc, 0x3fff}, {0xb8aa3b295c17f0bc, 0x3fff}},
      {{0xc90fdaa22168c234, 0x4000}, {0xc90fdaa22168c235, 0x4000}, {0xc90fdaa22168c235, 0x4000}},
      {{0x9a209a84fbcff798, 0x3ffd}, {0x9a209a84fbcff799, 0x3ffd}, {0x9a209a84fbcff799, 0x3ffd}},
      {{0xb17217f7d1cf79ab, 0x3ffe}, {0xb17217f7d1cf79ac, 0x3ffe}, {0xb17217f7d1cf79ac, 0x3ffe}},
      same_zero,
  }};
  const Entry& entry = entries[static_cast<unsigned>(which)];
  switch (rounding) {
    case Rounding::Nearest: return entry.nearest;
    case Rounding::Up: return entry.up;
    default: return entry.down;  // all are positive
  }
}

}  // namespace ringside::x87
