// Owns single and double precision arithmetic in integers, bit-exact to the manual's SSE rules on every host.
//
// The bodies use the host's own arithmetic wherever its result and flags are known in advance (see
// cpu/exec/sse/fast_float.h); everything else comes here: NaNs, denormals, other roundings than to nearest,
// flags that are not yet set, results near the ends of the range. Nothing here depends on the host's floating
// point.
#pragma once

#include <bit>

#include "cpu/arch/types.h"

namespace ringside {

struct Mxcsr {
  static constexpr u32 IE = 1, DE = 2, ZE = 4, OE = 8, UE = 16, PE = 32, flags = 63, DAZ = 64,
                       masks = 63 << 7, RC = 3 << 13, FTZ = 1 << 15, initial = 0x1f80;
  static constexpr unsigned mask_shift = 7, rounding_shift = 13;
};

namespace soft {

// The rounding control's values.
enum class Rounding : u8 { nearest, down, up, zero };

// MXCSR's control bits, and the exceptions that an instruction has met so far. Those that are found before an
// operation is computed (IE, DE, ZE) are kept apart: an unmasked one of them in any element hides the others.
struct Context {
  u32 mxcsr;
  u32 before = 0;  // IE, DE, ZE
  u32 after = 0;   // OE, UE, PE

  explicit Context(u32 control) : mxcsr(control) {}
  Rounding rounding() const { return static_cast<Rounding>((mxcsr >> Mxcsr::rounding_shift) & 3); }
  bool daz() const { return mxcsr & Mxcsr::DAZ; }
  bool masked(u32 flag) const { return (mxcsr >> Mxcsr::mask_shift) & flag; }
  bool unmasked_before() const { return before & ~(mxcsr >> Mxcsr::mask_shift); }
};

// The two formats, and the half precision of F16C. U is the unsigned integer that holds one.
template <class U>
struct Format;
template <>
struct Format<u32> {
  static constexpr int fraction = 23, bias = 127;
};
template <>
struct Format<u64> {
  static constexpr int fraction = 52, bias = 1023;
};
template <>
struct Format<u16> {
  static constexpr int fraction = 10, bias = 15;
};
template <class U>
constexpr U sign_bit = U{1} << (sizeof(U) * 8 - 1);
template <class U>
constexpr U quiet_bit = U{1} << (Format<U>::fraction - 1);
template <class U>
constexpr U infinity = static_cast<U>(2 * Format<U>::bias + 1) << Format<U>::fraction;
template <class U>
constexpr U smallest_normal = U{1} << Format<U>::fraction;
template <class U>
constexpr U default_nan = sign_bit<U> | infinity<U> | quiet_bit<U>;

template <class U>
constexpr U magnitude(U a) {
  return a & ~sign_bit<U>;
}
template <class U>
constexpr bool negative(U a) {
  return a & sign_bit<U>;
}
template <class U>
constexpr bool is_nan(U a) {
  return magnitude(a) > infinity<U>;
}
template <class U>
constexpr bool is_snan(U a) {
  return is_nan(a) && !(a & quiet_bit<U>);
}
template <class U>
constexpr bool is_denormal(U a) {
  return magnitude(a) != 0 && magnitude(a) < smallest_normal<U>;
}
// An operand as DAZ lets it in.
template <class U>
constexpr U admit(const Context& c, U a) {
  return c.daz() && is_denormal(a) ? a & sign_bit<U> : a;
}

// Addition, subtraction, multiplication, division: a is the first operand (the destination's old value).
template <class U>
U add(Context& c, U a, U b);
template <class U>
U sub(Context& c, U a, U b);
template <class U>
U mul(Context& c, U a, U b);
template <class U>
U div(Context& c, U a, U b);
template <class U>
U sqrt(Context& c, U a);
// a * b + addend, rounded once; either may be negated, of numbers only.
template <class U>
U multiply_add(Context& c, U a, U b, U addend, bool negate_product, bool negate_addend);
// MIN and MAX return the second operand, as it is, for NaNs and equal zeros.
template <class U>
U min(Context& c, U a, U b);
template <class U>
U max(Context& c, U a, U b);

enum class Relation : u8 { less, equal, greater, unordered };
// `signalling`: a quiet NaN is an invalid operand too.
template <class U>
Relation compare(Context& c, U a, U b, bool signalling);
// CMPxx's predicates 0 to 7: EQ, LT, LE, UNORD, NEQ, NLT, NLE, ORD. Those of VCMPxx from 8 on differ in what
// they are of NaNs, those from 16 on in whether quiet NaNs are invalid operands.
template <class U>
bool predicate(Context& c, U a, U b, unsigned number);

u64 widen(Context& c, u32 a);                       // CVTSS2SD
u32 narrow(Context& c, u64 a);                      // CVTSD2SS
u32 from_half(Context& c, u16 a);                   // VCVTPH2PS: DAZ and DE are not for half precision
u16 to_half(Context& c, u32 a, Rounding rounding);  // VCVTPS2PH: FTZ is not either
template <class U, class Integer>
U from_integer(Context& c, Integer value);
// The integer indefinite (only the top bit set) for NaNs and values out of range.
template <class Integer, class U>
Integer to_integer(Context& c, U a, Rounding rounding);
// ROUNDxx. `quiet`: inexact results do not set PE.
template <class U>
U round_to_integral(Context& c, U a, Rounding rounding, bool quiet);

}  // namespace soft
}  // namespace ringside
