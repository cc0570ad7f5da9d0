// Owns the 80-bit value of the x87 FPU, its classes, and the control and status words that govern arithmetic
// on it. No CPU state: registers, tags and the stack live elsewhere.
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

// Rounding Control, in FCW's encoding.
enum class Rounding : u8 { Nearest = 0, Down = 1, Up = 2, Zero = 3 };

// FXAM's classes, in the order of the bits C3, C2, C0.
enum class Float80Class : u8 { Unsupported, NaN, Normal, Infinity, Zero, Empty, Denormal };

// "x87 FPU Control Word". Bits 0-5 mask IE, DE, ZE, OE, UE and PE; 8-9 are PC; 10-11 are RC.
struct FpuControl {
  u16 value = 0x37f;

  constexpr Rounding rounding() const { return static_cast<Rounding>(value >> 10 & 3); }
  // How many of the significand's low bits PC takes away: 40, 11 or 0. The reserved encoding 1 acts as 64
  // bits.
  constexpr unsigned dropped_bits() const {
    switch (value >> 8 & 3) {
      case 0: return 40;
      case 2: return 11;
      default: return 0;
    }
  }
  // 64 bits, to nearest: what FNINIT sets and nearly every program keeps.
  constexpr bool is_default() const { return (value & 0xf00) == 0x300; }
  constexpr bool masks(u16 exceptions) const { return (value & exceptions) == exceptions; }
  // The same masks and rounding with all 64 bits, for the instructions that PC does not govern.
  constexpr FpuControl full_precision() const { return {static_cast<u16>(value | 0x300)}; }
};

// "x87 FPU Status Word": what one operation raises, in FSW's bit positions. Operations only set bits; the
// caller starts from zero, clears C1 in FSW and ORs these in. Bits that are no exception are valid where the
// manual defines them for the instruction.
struct FpuStatus {
  static constexpr u16 IE = 0x01, DE = 0x02, ZE = 0x04, OE = 0x08, UE = 0x10, PE = 0x20;
  static constexpr u16 SF = 0x40, ES = 0x80, C0 = 0x100, C1 = 0x200, C2 = 0x400, C3 = 0x4000;
  static constexpr u16 exceptions = 0x3f;

  u16 value = 0;

  constexpr void raise(u16 bits) { value = static_cast<u16>(value | bits); }
  constexpr bool has(u16 bits) const { return (value & bits) != 0; }
  // An exception found before the calculation is unmasked: no register, memory or condition code changes.
  constexpr bool suppresses_result(FpuControl control) const {
    return (value & ~control.value & (IE | DE | ZE)) != 0;
  }
  // The same for a push of a float from memory (FLD m32fp, m64fp): processors finish it in spite of an
  // unmasked DE, since the converted value is normal; only an SNaN stops it.
  constexpr bool suppresses_push(FpuControl control) const { return (value & ~control.value & IE) != 0; }
  // The same for a store to memory (FST, FIST, FBSTP...): an unmasked overflow or underflow leaves it alone
  // too.
  constexpr bool suppresses_store(FpuControl control) const {
    return (value & ~control.value & (IE | DE | ZE | OE | UE)) != 0;
  }
};

// "Double Extended-Precision Floating-Point Format": the integer bit is bit 63 of the significand, the sign
// is bit 15 of sign_exponent, the exponent's bias is 16383.
struct Float80 {
  u64 significand = 0;
  u16 sign_exponent = 0;

  constexpr bool sign() const { return (sign_exponent & 0x8000) != 0; }
  constexpr int exponent() const { return sign_exponent & 0x7fff; }
  constexpr bool operator==(const Float80&) const = default;

  // Finite, non-zero, with its integer bit, neither denormal nor pseudo-denormal.
  constexpr bool is_normal() const {
    return static_cast<u16>((sign_exponent & 0x7fff) - 1) < 0x7ffe && significand >> 63 != 0;
  }
  // Pseudo-infinities, pseudo-NaNs and unnormals: invalid operands since the Intel 387.
  constexpr bool is_unsupported() const { return exponent() != 0 && significand >> 63 == 0; }
  constexpr bool is_infinity() const { return exponent() == 0x7fff && significand == bit(63); }
  constexpr bool is_nan() const { return exponent() == 0x7fff && significand > bit(63); }
  constexpr bool is_signalling() const { return is_nan() && (significand & bit(62)) == 0; }
  constexpr bool is_zero() const { return exponent() == 0 && significand == 0; }
  // Pseudo-denormals count as denormals.
  constexpr bool is_denormal() const { return exponent() == 0 && significand != 0; }

  constexpr Float80Class classify() const {
    if (is_unsupported()) return Float80Class::Unsupported;
    if (is_nan()) return Float80Class::NaN;
    if (is_infinity()) return Float80Class::Infinity;
    if (is_zero()) return Float80Class::Zero;
    return is_denormal() ? Float80Class::Denormal : Float80Class::Normal;
  }

  constexpr Float80 negated() const {
    return {significand, static_cast<u16>(sign_exponent ^ 0x8000)};
  }  // FCHS
  constexpr Float80 absolute() const {
    return {significand, static_cast<u16>(sign_exponent & 0x7fff)};
  }  // FABS
  constexpr Float80 quieted() const { return {significand | bit(62), sign_exponent}; }

  static constexpr Float80 make(bool sign, int exponent, u64 significand) {
    return {significand, static_cast<u16>((sign ? 0x8000 : 0) | exponent)};
  }
  static constexpr Float80 zero(bool sign) { return make(sign, 0, 0); }
  static constexpr Float80 one(bool sign = false) { return make(sign, 16383, bit(63)); }
  static constexpr Float80 infinity(bool sign) { return make(sign, 0x7fff, bit(63)); }
  // "QNaN floating-point indefinite".
  static constexpr Float80 indefinite() { return make(true, 0x7fff, u64{3} << 62); }
};

// A finite non-zero value with its integer bit at bit 63, so that denormals need no care: the exponent is
// biased and may be zero or negative.
struct Unpacked {
  bool sign;
  int exponent;
  u64 significand;

  static constexpr Unpacked of_normal(Float80 value) {
    return {value.sign(), value.exponent(), value.significand};
  }
  // `value` is normal, denormal or pseudo-denormal.
  static constexpr Unpacked of(Float80 value) {
    if (value.exponent() != 0) return {value.sign(), value.exponent(), value.significand};
    const int shift = __builtin_clzll(value.significand);
    return {value.sign(), 1 - shift, value.significand << shift};
  }
};

}  // namespace ringside
