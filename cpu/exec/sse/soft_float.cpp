// Owns the implementation of cpu/exec/sse/soft_float.h.
#include "cpu/exec/sse/soft_float.h"

#include <limits>
#include <type_traits>
#include <utility>

namespace ringside::soft {
namespace {

// A finite number that is not zero: significand * 2^(exponent - 63), with bit 63 of the significand set.
struct Number {
  bool negative;
  int exponent;
  u64 significand;
};

template <class U>
Number unpack(U a) {
  using F = Format<U>;
  const U m = magnitude(a);
  const int field = static_cast<int>(m >> F::fraction);
  const u64 fraction = m & (smallest_normal<U> - 1);
  if (field == 0) {
    const int shift = std::countl_zero(fraction);
    return {negative(a), 1 - F::bias - F::fraction + 63 - shift, fraction << shift};
  }
  return {negative(a), field - F::bias, (fraction | smallest_normal<U>) << (63 - F::fraction)};
}

// Whether a value between two neighbours goes away from zero. `odd`: the lower neighbour's last bit; `half`
// -1, 0, 1: below, at or above the middle.
bool rounds_up(Rounding rounding, bool negative, bool odd, int half) {
  switch (rounding) {
    case Rounding::nearest: return half > 0 || (half == 0 && odd);
    case Rounding::down: return negative;
    case Rounding::up: return !negative;
    case Rounding::zero: break;
  }
  return false;
}

struct Rounded {
  u64 value;     // the upper bits, rounded
  bool inexact;  // something was cut off
};
// Cuts the lowest `bits` (1 to 64) off; `sticky`: something non-zero lies below bit 0.
Rounded round_off(Rounding rounding, bool negative, u64 significand, int bits, bool sticky) {
  const u64 kept = bits == 64 ? 0 : significand >> bits;
  const u64 cut = bits == 64 ? significand : significand & ((u64{1} << bits) - 1);
  const u64 middle = u64{1} << (bits - 1);
  const int half = cut > middle || (cut == middle && sticky) ? 1 : cut == middle ? 0 : -1;
  if (cut == 0 && !sticky) return {kept, false};
  return {kept + (rounds_up(rounding, negative, kept & 1, half) ? 1 : 0), true};
}

// The number, with something below its last bit if `sticky`, in format U under MXCSR's control.
template <class U>
U pack(Context& c, Number n, bool sticky) {
  using F = Format<U>;
  const U sign = n.negative ? sign_bit<U> : 0;
  const Rounding rounding = c.rounding();
  constexpr int spare = 63 - F::fraction;
  Rounded r = round_off(rounding, n.negative, n.significand, spare, sticky);
  int exponent = n.exponent;
  if (r.value >> (F::fraction + 1)) {
    r.value >>= 1;
    ++exponent;
  }
  if (exponent < 1 - F::bias) {
    // Tiny, as found after rounding with an unbounded exponent.
    if (!c.masked(Mxcsr::UE)) {
      c.after |= Mxcsr::UE | (r.inexact ? Mxcsr::PE : 0);
      return sign;
    }
    if (c.mxcsr & Mxcsr::FTZ) {
      c.after |= Mxcsr::UE | Mxcsr::PE;
      return sign;
    }
    const int distance = 1 - F::bias - n.exponent;
    if (distance + spare > 64) {
      r = round_off(rounding, n.negative, 1, 64, true);
    } else {
      r = round_off(rounding, n.negative, n.significand, distance + spare, sticky);
    }
    if (r.inexact) c.after |= Mxcsr::UE | Mxcsr::PE;
    return sign | static_cast<U>(r.value);  // a carry makes the smallest normal number
  }
  if (exponent > F::bias) {
    c.after |= Mxcsr::OE;
    if (c.masked(Mxcsr::OE) || r.inexact) c.after |= Mxcsr::PE;
    return sign | (infinity<U> - (rounds_up(rounding, n.negative, true, 1) ? 0 : 1));
  }
  if (r.inexact) c.after |= Mxcsr::PE;
  return sign | (static_cast<U>(exponent + F::bias) << F::fraction) |
         (static_cast<U>(r.value) & (smallest_normal<U> - 1));
}
// The same for 128 bits, not zero; the value is wide * 2^(exponent - 127).
template <class U>
U pack_wide(Context& c, bool negative, int exponent, u128 wide) {
  const u64 high = static_cast<u64>(wide >> 64);
  const int shift = high ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<u64>(wide));
  wide <<= shift;
  return pack<U>(c, {negative, exponent - shift, static_cast<u64>(wide >> 64)}, static_cast<u64>(wide) != 0);
}

template <class U>
U invalid(Context& c) {
  c.before |= Mxcsr::IE;
  return default_nan<U>;
}
// True: an operand is a NaN, and the result is the first that is one.
template <class U>
bool propagate(Context& c, U a, U b, U& result) {
  if (!is_nan(a) && !is_nan(b)) [[likely]]
    return false;
  if (is_snan(a) || is_snan(b)) c.before |= Mxcsr::IE;
  result = (is_nan(a) ? a : b) | quiet_bit<U>;
  return true;
}
// Lets an operand in: DAZ, or DE.
template <class U>
U take(Context& c, U a) {
  if (!is_denormal(a)) return a;
  if (c.daz()) return a & sign_bit<U>;
  c.before |= Mxcsr::DE;
  return a;
}

// a + b of numbers and infinities, which are not both infinite with different signs.
template <class U>
U add_magnitudes(Context& c, U a, U b) {
  const U ma = magnitude(a), mb = magnitude(b);
  const bool differ = negative(a) != negative(b);
  if (ma == infinity<U>) return a;
  if (mb == infinity<U>) return b;
  if (differ && ma == mb) return c.rounding() == Rounding::down ? sign_bit<U> : 0;
  if (ma == 0 && mb == 0) return a;
  if (ma == 0) return pack<U>(c, unpack(b), false);
  if (mb == 0) return pack<U>(c, unpack(a), false);
  Number big = unpack(a), small = unpack(b);
  if (ma < mb) std::swap(big, small);
  const int distance = big.exponent - small.exponent;
  u128 x = static_cast<u128>(big.significand) << 62, y = static_cast<u128>(small.significand) << 62;
  // A bit that falls off is kept as the last bit: far below where it could change a rounding but by being
  // there.
  if (distance >= 126) {
    y = 1;
  } else if (distance != 0) {
    const bool lost = (y & ((static_cast<u128>(1) << distance) - 1)) != 0;
    y = (y >> distance) | (lost ? 1 : 0);
  }
  return pack_wide<U>(c, big.negative, big.exponent + 2, differ ? x - y : x + y);
}

u64 square_root(u128 value, bool& inexact) {
  u64 root = 0;
  for (int i = 63; i >= 0; --i) {
    const u64 trial = root | (u64{1} << i);
    if (static_cast<u128>(trial) * trial <= value) root = trial;
  }
  inexact = static_cast<u128>(root) * root != value;
  return root;
}

// a + b, the sign of b being turned by `sign` once b is known to be no NaN.
template <class U>
U sum(Context& c, U a, U b, U sign) {
  U result;
  if (propagate(c, a, b, result)) return result;
  const U addend = b ^ sign;
  if (magnitude(a) == infinity<U> && addend == (a ^ sign_bit<U>)) return invalid<U>(c);
  a = take(c, a);
  b = take(c, b);
  return c.unmasked_before() ? 0 : add_magnitudes(c, a, static_cast<U>(b ^ sign));
}

}  // namespace

template <class U>
U add(Context& c, U a, U b) {
  return sum(c, a, b, U{0});
}
template <class U>
U sub(Context& c, U a, U b) {
  return sum(c, a, b, sign_bit<U>);
}

template <class U>
U mul(Context& c, U a, U b) {
  U result;
  if (propagate(c, a, b, result)) return result;
  const U ma = magnitude(admit(c, a)), mb = magnitude(admit(c, b));
  if ((ma == infinity<U> && mb == 0) || (mb == infinity<U> && ma == 0)) return invalid<U>(c);
  a = take(c, a);
  b = take(c, b);
  if (c.unmasked_before()) return 0;
  const U sign = (a ^ b) & sign_bit<U>;
  if (ma == infinity<U> || mb == infinity<U>) return sign | infinity<U>;
  if (ma == 0 || mb == 0) return sign;
  const Number x = unpack(a), y = unpack(b);
  return pack_wide<U>(c, sign != 0, x.exponent + y.exponent + 1,
                      static_cast<u128>(x.significand) * y.significand);
}

template <class U>
U div(Context& c, U a, U b) {
  U result;
  if (propagate(c, a, b, result)) return result;
  const U ma = magnitude(admit(c, a)), mb = magnitude(admit(c, b));
  if ((ma == 0 && mb == 0) || (ma == infinity<U> && mb == infinity<U>)) return invalid<U>(c);
  const U sign = (a ^ b) & sign_bit<U>;
  if (mb == 0 && ma != infinity<U>) {
    c.before |= Mxcsr::ZE;
    return sign | infinity<U>;
  }
  a = take(c, a);
  b = take(c, b);
  if (c.unmasked_before()) return 0;
  if (ma == infinity<U>) return sign | infinity<U>;
  if (ma == 0 || mb == infinity<U>) return sign;
  const Number x = unpack(a), y = unpack(b);
  const bool below = x.significand < y.significand;
  const u128 dividend = static_cast<u128>(x.significand) << (below ? 64 : 63);
  const u64 quotient = static_cast<u64>(dividend / y.significand);
  const bool sticky = dividend % y.significand != 0;
  return pack<U>(c, {sign != 0, x.exponent - y.exponent - (below ? 1 : 0), quotient}, sticky);
}

template <class U>
U sqrt(Context& c, U a) {
  if (is_nan(a)) {
    if (is_snan(a)) c.before |= Mxcsr::IE;
    return a | quiet_bit<U>;
  }
  const U admitted = admit(c, a);
  if (magnitude(admitted) == 0) return admitted;
  if (negative(admitted)) return invalid<U>(c);
  if (admitted == infinity<U>) return admitted;
  take(c, a);
  if (c.unmasked_before()) return 0;
  const Number x = unpack(admitted);
  const bool odd = x.exponent & 1;
  bool sticky;
  const u64 root = square_root(static_cast<u128>(x.significand) << (odd ? 64 : 63), sticky);
  return pack<U>(c, {false, (x.exponent - (odd ? 1 : 0)) / 2, root}, sticky);
}

template <class U>
Relation compare(Context& c, U a, U b, bool signalling) {
  if (is_nan(a) || is_nan(b)) {
    if (signalling || is_snan(a) || is_snan(b)) c.before |= Mxcsr::IE;
    return Relation::unordered;
  }
  a = take(c, a);
  b = take(c, b);
  if (a == b || (magnitude(a) == 0 && magnitude(b) == 0)) return Relation::equal;
  if (negative(a) != negative(b)) return negative(a) ? Relation::less : Relation::greater;
  return (a < b) != negative(a) ? Relation::less : Relation::greater;
}

template <class U>
U min(Context& c, U a, U b) {
  const Relation relation = compare(c, a, b, true);
  return admit(c, relation == Relation::less ? a : b);
}
template <class U>
U max(Context& c, U a, U b) {
  const Relation relation = compare(c, a, b, true);
  return admit(c, relation == Relation::greater ? a : b);
}

template <class U>
bool predicate(Context& c, U a, U b, unsigned number) {
  const unsigned kind = number & 3;
  const Relation relation = compare(c, a, b, (kind == 1 || kind == 2) != (number >= 16));
  constexpr u32 hold_of_nans = 0x8778;  // a bit for each predicate from 0 to 15
  if (relation == Relation::unordered) return hold_of_nans >> (number & 15) & 1;
  const bool holds = kind == 0   ? relation == Relation::equal
                     : kind == 1 ? relation == Relation::less
                     : kind == 2 ? relation == Relation::less || relation == Relation::equal
                                 : false;
  return holds != ((number & 4) != 0);
}

u64 widen(Context& c, u32 a) {
  const u64 sign = static_cast<u64>(a & sign_bit<u32>) << 32;
  if (is_nan(a)) {
    if (is_snan(a)) c.before |= Mxcsr::IE;
    return sign | infinity<u64> | quiet_bit<u64> | (static_cast<u64>(a & (smallest_normal<u32> - 1)) << 29);
  }
  a = take(c, a);
  if (magnitude(a) == 0) return sign;
  if (magnitude(a) == infinity<u32>) return sign | infinity<u64>;
  return pack<u64>(c, unpack(a), false);
}

u32 narrow(Context& c, u64 a) {
  const u32 sign = static_cast<u32>(a >> 32) & sign_bit<u32>;
  if (is_nan(a)) {
    if (is_snan(a)) c.before |= Mxcsr::IE;
    return sign | infinity<u32> | quiet_bit<u32> | (static_cast<u32>(a >> 29) & (smallest_normal<u32> - 1));
  }
  a = take(c, a);
  if (c.unmasked_before() || magnitude(a) == 0) return sign;
  if (magnitude(a) == infinity<u64>) return sign | infinity<u32>;
  return pack<u32>(c, unpack(a), false);
}

template <class U>
U multiply_add(Context& c, U a, U b, U addend, bool negate_product, bool negate_addend) {
  if (is_nan(a) || is_nan(b) || is_nan(addend)) {
    if (is_snan(a) || is_snan(b) || is_snan(addend)) c.before |= Mxcsr::IE;
    return (is_nan(a) ? a : is_nan(b) ? b : addend) | quiet_bit<U>;
  }
  const U ma = magnitude(admit(c, a)), mb = magnitude(admit(c, b)), mc = magnitude(admit(c, addend));
  const bool minus = negative(static_cast<U>(a ^ b)) != negate_product,
             minus_addend = negative(addend) != negate_addend, differ = minus != minus_addend;
  const bool infinite = ma == infinity<U> || mb == infinity<U>, zero = ma == 0 || mb == 0;
  if (infinite && (zero || (mc == infinity<U> && differ))) return invalid<U>(c);
  a = take(c, a);
  b = take(c, b);
  addend = take(c, addend);
  if (c.unmasked_before()) return 0;
  const U sign = minus ? sign_bit<U> : 0, sign_addend = minus_addend ? sign_bit<U> : 0;
  const U difference = c.rounding() == Rounding::down ? sign_bit<U> : 0;  // of equals
  if (infinite) return sign | infinity<U>;
  if (mc == infinity<U>) return sign_addend | infinity<U>;
  if (zero && mc == 0) return differ ? difference : sign;
  if (zero) return pack<U>(c, unpack(static_cast<U>(mc | sign_addend)), false);
  const Number x = unpack(a), y = unpack(b);
  u128 product = static_cast<u128>(x.significand) * y.significand;
  int exponent = x.exponent + y.exponent + 1;
  if (mc == 0) return pack_wide<U>(c, minus, exponent, product);
  if (!(product >> 127)) {
    product <<= 1;
    --exponent;
  }
  const Number z = unpack(addend);
  u128 other = static_cast<u128>(z.significand) << 64;
  int distance = exponent - z.exponent;
  bool minus_big = minus;
  if (distance < 0 || (distance == 0 && product < other)) {
    std::swap(product, other);
    minus_big = minus_addend;
    exponent = z.exponent;
    distance = -distance;
  }
  if (differ && distance == 0 && product == other) return difference;
  // Neither needs its last bits, so that there is room for a carry; as in add_magnitudes.
  product >>= 2;
  other >>= 2;
  if (distance >= 126) {
    other = 1;
  } else if (distance != 0) {
    const bool lost = (other & ((static_cast<u128>(1) << distance) - 1)) != 0;
    other = (other >> distance) | (lost ? 1 : 0);
  }
  return pack_wide<U>(c, minus_big, exponent + 2, differ ? product - other : product + other);
}

u32 from_half(Context& c, u16 a) {
  const u32 sign = (u32{a} << 16) & sign_bit<u32>;
  if (is_nan(a)) {
    if (is_snan(a)) c.before |= Mxcsr::IE;
    return sign | infinity<u32> | quiet_bit<u32> | (u32{a} << 13 & (smallest_normal<u32> - 1));
  }
  if (magnitude(a) == 0) return sign;
  if (magnitude(a) == infinity<u16>) return sign | infinity<u32>;
  return pack<u32>(c, unpack(a), false);
}

u16 to_half(Context& c, u32 a, Rounding rounding) {
  const u16 sign = static_cast<u16>(a >> 16) & sign_bit<u16>;
  if (is_nan(a)) {
    if (is_snan(a)) c.before |= Mxcsr::IE;
    return static_cast<u16>(sign | infinity<u16> | quiet_bit<u16> | (a >> 13 & (smallest_normal<u16> - 1)));
  }
  a = take(c, a);
  if (c.unmasked_before() || magnitude(a) == 0) return sign;
  if (magnitude(a) == infinity<u32>) return sign | infinity<u16>;
  Context own((c.mxcsr & ~(Mxcsr::RC | Mxcsr::FTZ)) | static_cast<u32>(rounding) << Mxcsr::rounding_shift);
  const u16 result = pack<u16>(own, unpack(a), false);
  c.after |= own.after;
  return result;
}

template <class U, class Integer>
U from_integer(Context& c, Integer value) {
  if (value == 0) return 0;
  const bool minus = value < 0;
  const u64 size = minus ? u64{0} - static_cast<u64>(static_cast<s64>(value)) : static_cast<u64>(value);
  const int shift = std::countl_zero(size);
  return pack<U>(c, {minus, 63 - shift, size << shift}, false);
}

template <class Integer, class U>
Integer to_integer(Context& c, U a, Rounding rounding) {
  constexpr int width = sizeof(Integer) * 8;
  constexpr Integer indefinite = std::numeric_limits<Integer>::min();
  a = admit(c, a);
  if (magnitude(a) == 0) return 0;
  if (magnitude(a) >= infinity<U>) {
    c.before |= Mxcsr::IE;
    return indefinite;
  }
  const Number n = unpack(a);
  Rounded r{0, true};
  if (n.exponent >= 64) {
    c.before |= Mxcsr::IE;
    return indefinite;
  }
  if (n.exponent == 63) {
    r = {n.significand, false};
  } else if (n.exponent >= -1) {
    r = round_off(rounding, n.negative, n.significand, 63 - n.exponent, false);
  } else {
    r = round_off(rounding, n.negative, 1, 64, true);
  }
  const u64 limit = (u64{1} << (width - 1)) - (n.negative ? 0 : 1);
  if (r.value > limit) {
    c.before |= Mxcsr::IE;
    return indefinite;
  }
  if (r.inexact) c.after |= Mxcsr::PE;
  return static_cast<Integer>(n.negative ? u64{0} - r.value : r.value);
}

template <class U>
U round_to_integral(Context& c, U a, Rounding rounding, bool quiet) {
  if (is_nan(a)) {
    if (is_snan(a)) c.before |= Mxcsr::IE;
    return a | quiet_bit<U>;
  }
  a = admit(c, a);
  if (magnitude(a) == 0 || magnitude(a) == infinity<U>) return a;
  const Number n = unpack(a);
  if (n.exponent >= Format<U>::fraction) return a;
  const Rounded r = n.exponent >= -1 ? round_off(rounding, n.negative, n.significand, 63 - n.exponent, false)
                                     : round_off(rounding, n.negative, 1, 64, true);
  if (r.inexact && !quiet) c.after |= Mxcsr::PE;
  const U sign = a & sign_bit<U>;
  if (r.value == 0) return sign;
  Context exact(Mxcsr::initial);
  const int shift = std::countl_zero(r.value);
  return pack<U>(exact, {n.negative, 63 - shift, r.value << shift}, false);
}

// One of each for both formats.
#define RINGSIDE_FORMAT(U)                                \
  template U add(Context&, U, U);                         \
  template U sub(Context&, U, U);                         \
  template U mul(Context&, U, U);                         \
  template U div(Context&, U, U);                         \
  template U sqrt(Context&, U);                           \
  template U multiply_add(Context&, U, U, U, bool, bool); \
  template U min(Context&, U, U);                         \
  template U max(Context&, U, U);                         \
  template Relation compare(Context&, U, U, bool);        \
  template bool predicate(Context&, U, U, unsigned);      \
  template U from_integer(Context&, s32);                 \
  template U from_integer(Context&, s64);                 \
  template s32 to_integer(Context&, U, Rounding);         \
  template s64 to_integer(Context&, U, Rounding);         \
  template U round_to_integral(Context&, U, Rounding, bool)
RINGSIDE_FORMAT(u32);
RINGSIDE_FORMAT(u64);
#undef RINGSIDE_FORMAT

}  // namespace ringside::soft
