// Owns the bodies of multiplication, division and decimal arithmetic.
#pragma once

#include "cpu/exec/core/operands.h"

namespace ringside {

namespace wide {
// Twice as wide as T.
template <class T>
using U = std::conditional_t<
    sizeof(T) == 1, u16,
    std::conditional_t<sizeof(T) == 2, u32, std::conditional_t<sizeof(T) == 4, u64, u128>>>;
template <class T>
using S = std::conditional_t<
    sizeof(T) == 1, s16,
    std::conditional_t<sizeof(T) == 2, s32, std::conditional_t<sizeof(T) == 4, s64, s128>>>;

// rDX:rAX, or AX for bytes.
template <class T>
inline U<T> accumulator(Cpu& cpu) {
  if constexpr (sizeof(T) == 1)
    return static_cast<u16>(cpu.gpr[RAX]);
  else
    return static_cast<U<T>>(static_cast<U<T>>(static_cast<T>(cpu.gpr[RDX])) << alu::bits_of<T>) |
           static_cast<T>(cpu.gpr[RAX]);
}
template <class T>
inline void set_accumulator(Cpu& cpu, T low, T high) {
  if constexpr (sizeof(T) == 1) {
    cpu.reg<u16>(reg::of(RAX)) = static_cast<u16>(high << 8 | low);
  } else if constexpr (sizeof(T) == 2) {
    cpu.reg<u16>(reg::of(RAX)) = low;
    cpu.reg<u16>(reg::of(RDX)) = high;
  } else {
    cpu.gpr[RAX] = low;
    cpu.gpr[RDX] = high;
  }
}
}  // namespace wide

// CF and OF: the upper half matters. The other flags are undefined: here SF, ZF and PF tell of the lower
// half, AF is 0.
template <class Src>
inline bool mul(Cpu& cpu, const Op& op) {
  using T = typename Src::Value;
  T b;
  if (!Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const wide::U<T> product =
      static_cast<wide::U<T>>(static_cast<wide::U<T>>(static_cast<T>(cpu.gpr[RAX])) * b);
  const T low = static_cast<T>(product), high = static_cast<T>(product >> alu::bits_of<T>);
  wide::set_accumulator<T>(cpu, low, high);
  alu::shifted(cpu.flags, low, high != 0, high != 0);
  return true;
}

template <class T>
inline wide::S<T> signed_product(T a, T b) {
  using Signed = std::make_signed_t<T>;
  return static_cast<wide::S<T>>(static_cast<wide::S<T>>(static_cast<Signed>(a)) * static_cast<Signed>(b));
}
template <class T>
inline void imul_flags(Cpu& cpu, wide::S<T> product) {
  const T low = static_cast<T>(product);
  const bool lost = product != static_cast<std::make_signed_t<T>>(low);
  alu::shifted(cpu.flags, low, lost, lost);
}
template <class Src>
inline bool imul(Cpu& cpu, const Op& op) {
  using T = typename Src::Value;
  T b;
  if (!Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const auto product = signed_product<T>(static_cast<T>(cpu.gpr[RAX]), b);
  wide::set_accumulator<T>(cpu, static_cast<T>(product),
                           static_cast<T>(static_cast<wide::U<T>>(product) >> alu::bits_of<T>));
  imul_flags<T>(cpu, product);
  return true;
}
template <class Dst, class Src>
inline bool imul_register(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T a, b;
  if (!Src::read(cpu, op, b)) [[unlikely]]
    return false;
  Dst::read(cpu, op, a);
  const auto product = signed_product<T>(a, b);
  imul_flags<T>(cpu, product);
  return Dst::write(cpu, op, static_cast<T>(product));
}
template <class Dst, class Src>
inline bool imul_immediate(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T b;
  if (!Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const auto product = signed_product<T>(b, static_cast<T>(op.imm));
  imul_flags<T>(cpu, product);
  return Dst::write(cpu, op, static_cast<T>(product));
}

// Division leaves all flags (which the manual calls undefined) as they were.
template <class Src>
inline bool div(Cpu& cpu, const Op& op) {
  using T = typename Src::Value;
  T divisor;
  if (!Src::read(cpu, op, divisor)) [[unlikely]]
    return false;
  const wide::U<T> dividend = wide::accumulator<T>(cpu);
  const T high = static_cast<T>(dividend >> alu::bits_of<T>);
  if (high >= divisor) [[unlikely]] {  // the quotient does not fit; a divisor of 0 included
    cpu.raise(Vector::DE);
    return false;
  }
  if (high == 0) {
    const T low = static_cast<T>(dividend);
    wide::set_accumulator<T>(cpu, static_cast<T>(low / divisor), static_cast<T>(low % divisor));
  } else {
    wide::set_accumulator<T>(cpu, static_cast<T>(dividend / divisor), static_cast<T>(dividend % divisor));
  }
  return true;
}
// By magnitudes, so that no host division can overflow.
template <class Src>
inline bool idiv(Cpu& cpu, const Op& op) {
  using T = typename Src::Value;
  using U = wide::U<T>;
  T divisor;
  if (!Src::read(cpu, op, divisor)) [[unlikely]]
    return false;
  const U dividend = wide::accumulator<T>(cpu);
  const bool negative = (dividend >> (2 * alu::bits_of<T> - 1)) != 0;
  const bool negative_divisor = (divisor >> (alu::bits_of<T> - 1)) != 0;
  const U n = negative ? static_cast<U>(0 - dividend) : dividend;
  const T d = negative_divisor ? static_cast<T>(0 - divisor) : divisor;
  const T most = static_cast<T>(T{1} << (alu::bits_of<T> - 1));
  if (d == 0) {
    cpu.raise(Vector::DE);
    return false;
  }
  const bool narrow = (n >> alu::bits_of<T>) == 0;
  const U q = narrow ? static_cast<U>(static_cast<T>(n) / d) : static_cast<U>(n / d);
  const T r = narrow ? static_cast<T>(static_cast<T>(n) % d) : static_cast<T>(n % d);
  const bool negative_quotient = negative != negative_divisor;
  if (q > static_cast<U>(negative_quotient ? most : static_cast<T>(most - 1))) {
    cpu.raise(Vector::DE);
    return false;
  }
  const T quotient = static_cast<T>(q);
  wide::set_accumulator<T>(cpu, negative_quotient ? static_cast<T>(0 - quotient) : quotient,
                           negative ? static_cast<T>(0 - r) : r);
  return true;
}

// -- Decimal. OF, where undefined, is cleared; SF, ZF and PF, where undefined (AAA, AAS), tell of AL.
inline void decimal_result(Cpu& cpu, u8 al, bool carry, bool adjust) {
  cpu.reg<u8>(reg::of(RAX)) = al;
  alu::shifted(cpu.flags, al, carry, false);
  cpu.flags.set_af(adjust);
}
inline bool daa(Cpu& cpu, const Op&) {
  const u8 old = static_cast<u8>(cpu.gpr[RAX]);
  const bool adjust = (old & 15) > 9 || cpu.flags.af();
  const bool carry = old > 0x99 || cpu.flags.cf();
  decimal_result(cpu, static_cast<u8>(old + (adjust ? 6 : 0) + (carry ? 0x60 : 0)), carry, adjust);
  return true;
}
inline bool das(Cpu& cpu, const Op&) {
  const u8 old = static_cast<u8>(cpu.gpr[RAX]);
  const bool adjust = (old & 15) > 9 || cpu.flags.af();
  const bool high = old > 0x99 || cpu.flags.cf();
  const bool borrow = adjust && old < 6;
  decimal_result(cpu, static_cast<u8>(old - (adjust ? 6 : 0) - (high ? 0x60 : 0)), high || borrow, adjust);
  return true;
}
inline void ascii_adjust(Cpu& cpu, int by) {
  const u8 old = static_cast<u8>(cpu.gpr[RAX]);
  const bool adjust = (old & 15) > 9 || cpu.flags.af();
  u16& ax = cpu.reg<u16>(reg::of(RAX));
  if (adjust) ax = static_cast<u16>(ax + by);
  decimal_result(cpu, ax & 15, adjust, adjust);
}
inline bool aaa(Cpu& cpu, const Op&) { return ascii_adjust(cpu, 0x106), true; }
inline bool aas(Cpu& cpu, const Op&) { return ascii_adjust(cpu, -0x106), true; }
template <class>
inline bool aam(Cpu& cpu, const Op& op) {
  const u8 base = static_cast<u8>(op.imm), al = static_cast<u8>(cpu.gpr[RAX]);
  if (base == 0) {
    cpu.raise(Vector::DE);
    return false;
  }
  cpu.reg<u8>(reg::high_byte(RAX)) = al / base;
  decimal_result(cpu, al % base, false, false);
  return true;
}
template <class>
inline bool aad(Cpu& cpu, const Op& op) {
  const u8 al = static_cast<u8>(cpu.gpr[RAX]), ah = cpu.reg<u8>(reg::high_byte(RAX));
  cpu.reg<u8>(reg::high_byte(RAX)) = 0;
  decimal_result(cpu, static_cast<u8>(al + ah * static_cast<u8>(op.imm)), false, false);
  return true;
}

}  // namespace ringside
