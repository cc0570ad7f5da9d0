// Owns the conversions between Float80 and the memory formats: floats, integers, packed BCD; and the
// constants.
#pragma once

#include "cpu/exec/x87/float80_round.h"

namespace ringside::x87 {

// FLD m32fp / m64fp, on the bits of the number. SNaNs raise IE and become quiet; denormals raise DE. Nothing
// is pushed if FpuStatus::suppresses_push().
Float80 from_float32_any(u32 bits, FpuStatus& raised);
Float80 from_float64_any(u64 bits, FpuStatus& raised);

inline Float80 from_float32(u32 bits, FpuStatus& raised) {
  const u32 exponent = bits >> 23 & 0xff;
  if (exponent - 1 < 0xfe) [[likely]] {
    return Float80::make(bits >> 31 != 0, static_cast<int>(exponent + 16383 - 127),
                         u64{bits} << 40 | bit(63));
  }
  return from_float32_any(bits, raised);
}
inline Float80 from_float64(u64 bits, FpuStatus& raised) {
  const u32 exponent = static_cast<u32>(bits >> 52) & 0x7ff;
  if (exponent - 1 < 0x7fe) [[likely]] {
    return Float80::make(bits >> 63 != 0, static_cast<int>(exponent + 16383 - 1023), bits << 11 | bit(63));
  }
  return from_float64_any(bits, raised);
}

// FST m32fp / m64fp. Memory stays as it is if FpuStatus::suppresses_store().
u32 to_float32_any(Float80 a, FpuControl control, FpuStatus& raised);
u64 to_float64_any(Float80 a, FpuControl control, FpuStatus& raised);

inline u32 to_float32(Float80 a, FpuControl control, FpuStatus& raised) {
  const u32 exponent = static_cast<u32>(a.exponent()) - (16383 - 127);
  if (exponent - 1 < 0xfe && a.significand >> 63 != 0 && control.rounding() == Rounding::Nearest) [[likely]] {
    const u64 up =
        a.significand >> 39 &
        static_cast<u64>((a.significand & bit_range(0, 38)) != 0 || (a.significand & bit(40)) != 0) & 1;
    // A carry out of the fraction moves into the exponent, which is what it should do.
    const u32 magnitude = static_cast<u32>((u64{exponent} << 23) + (a.significand << 1 >> 41) + up);
    if (magnitude < 0x7f800000) [[likely]] {
      raised.raise(static_cast<u16>(((a.significand & bit_range(0, 39)) != 0 ? FpuStatus::PE : 0) | up << 9));
      return magnitude | (a.sign() ? u32{1} << 31 : 0);
    }
  }
  return to_float32_any(a, control, raised);
}
inline u64 to_float64(Float80 a, FpuControl control, FpuStatus& raised) {
  const u32 exponent = static_cast<u32>(a.exponent()) - (16383 - 1023);
  if (exponent - 1 < 0x7fe && a.significand >> 63 != 0 && control.rounding() == Rounding::Nearest)
      [[likely]] {
    const u64 up =
        a.significand >> 10 &
        static_cast<u64>((a.significand & bit_range(0, 9)) != 0 || (a.significand & bit(11)) != 0) & 1;
    const u64 magnitude = (u64{exponent} << 52) + (a.significand << 1 >> 12) + up;
    if (magnitude < u64{0x7ff} << 52) [[likely]] {
      raised.raise(static_cast<u16>(((a.significand & bit_range(0, 10)) != 0 ? FpuStatus::PE : 0) | up << 9));
      return magnitude | (a.sign() ? bit(63) : 0);
    }
  }
  return to_float64_any(a, control, raised);
}

// FILD: always exact.
inline Float80 from_integer(s64 value) {
  if (value == 0) return Float80::zero(false);
  const u64 magnitude = value < 0 ? 0 - static_cast<u64>(value) : static_cast<u64>(value);
  const int shift = __builtin_clzll(magnitude);
  return Float80::make(value < 0, 16383 + 63 - shift, magnitude << shift);
}

// FIST (control's rounding) and, with Rounding::Zero, FISTTP, to 16, 32 or 64 bits, sign-extended. What does
// not fit is IE and the integer indefinite, the most negative value. Memory stays if
// FpuStatus::suppresses_store().
s64 to_integer(Float80 a, unsigned bits, Rounding rounding, FpuStatus& raised);

// FRNDINT.
Float80 round_to_integer(Float80 a, FpuControl control, FpuStatus& raised);

// "Packed BCD Data": 18 digits, two a byte from the low end, and a sign in bit 7 of byte 9.
struct PackedBcd {
  u64 low = 0;   // 16 digits
  u16 high = 0;  // 2 digits and the sign byte
  constexpr bool operator==(const PackedBcd&) const = default;
  // "Packed BCD indefinite".
  static constexpr PackedBcd indefinite() { return {u64{3} << 62, 0xffff}; }
};
Float80 from_bcd(PackedBcd value);                                   // FBLD; no exceptions
PackedBcd to_bcd(Float80 a, FpuControl control, FpuStatus& raised);  // FBSTP

// FLDL2T and so on: the last bit follows RC. No exceptions.
enum class FpuConstant : u8 { One, L2T, L2E, Pi, LG2, LN2, Zero };
Float80 constant(FpuConstant which, Rounding rounding);

}  // namespace ringside::x87
