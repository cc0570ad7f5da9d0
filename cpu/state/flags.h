// Owns the arithmetic flags, kept lazily as a result and a carry vector, and every way to set and read them.
#pragma once

#include <bit>
#include <limits>
#include <type_traits>

#include "cpu/arch/registers.h"

namespace ringside {

// ZF and SF and PF follow from `result`, a value sign-extended to 64 bits; CF, OF and AF from `aux`.
// aux bit 0: carry into the sign bit; bit 1: carry out of it (CF); bit 3: carry out of bit 3 (AF);
// bits 8..15: exclusive-or on the low byte before its parity is taken; bit 16: exclusive-or on SF.
// The last two are non-zero only where flags were set as such (POPF, SAHF, shifts that keep some, ...).
struct LazyFlags {
  s64 result = 1;
  u32 aux = 0;

  static constexpr u32 carry_in = 1, carry_out = 2, adjust = 8, sign_delta = 1u << 16;

  bool cf() const { return (aux >> 1) & 1; }
  bool of() const { return (aux ^ (aux >> 1)) & 1; }
  bool af() const { return (aux >> 3) & 1; }
  bool zf() const { return result == 0; }
  bool sf() const { return ((static_cast<u64>(result) >> 63) ^ (aux >> 16)) & 1; }
  bool pf() const { return (std::popcount(static_cast<u8>(result ^ (aux >> 8))) & 1) == 0; }

  // The six flags at their places in EFLAGS.
  u64 image() const {
    return (cf() ? Eflags::CF : 0) | (pf() ? Eflags::PF : 0) | (af() ? Eflags::AF : 0) |
           (zf() ? Eflags::ZF : 0) | (sf() ? Eflags::SF : 0) | (of() ? Eflags::OF : 0);
  }
  void set_image(u64 f) {
    const bool zero = f & Eflags::ZF;
    result = zero ? 0 : 1;
    // The parity of 0 is even, of 1 odd; a delta of 1 turns it.
    const bool parity = f & Eflags::PF;
    const bool turn = parity != zero;
    const bool carry = f & Eflags::CF, overflow = f & Eflags::OF;
    aux = (carry ? carry_out : 0) | (carry != overflow ? carry_in : 0) | (f & Eflags::AF ? adjust : 0) |
          (turn ? 1u << 8 : 0) | (f & Eflags::SF ? sign_delta : 0);
  }
  void set_cf(bool carry) { set_cf_of(carry, of()); }
  void set_zf(bool zero) { set_image((image() & ~Eflags::ZF) | (zero ? Eflags::ZF : 0)); }
  void set_af(bool carry) { aux = (aux & ~adjust) | (carry ? adjust : 0); }
  void set_cf_of(bool carry, bool overflow) {
    aux = (aux & ~(carry_in | carry_out)) | (carry ? carry_out : 0) | (carry != overflow ? carry_in : 0);
  }
};

namespace alu {

template <class T>
constexpr unsigned bits_of = sizeof(T) * 8;
template <class T>
constexpr s64 extend(T value) {
  return static_cast<s64>(static_cast<std::make_signed_t<T>>(value));
}
// From the vector of carries out of each bit to LazyFlags::aux.
template <class T>
constexpr u32 aux_of(T carries) {
  return static_cast<u32>(carries >> (bits_of<T> - 2)) | (static_cast<u32>(carries) & LazyFlags::adjust);
}

template <class T>
inline T add(LazyFlags& f, T a, T b) {
  const T r = static_cast<T>(a + b);
  f.aux = aux_of<T>(static_cast<T>((a & b) | ((a | b) & ~r)));
  f.result = extend(r);
  return r;
}
template <class T>
inline T adc(LazyFlags& f, T a, T b) {
  const T r = static_cast<T>(a + b + (f.cf() ? 1 : 0));
  f.aux = aux_of<T>(static_cast<T>((a & b) | ((a | b) & ~r)));
  f.result = extend(r);
  return r;
}
template <class T>
inline T sub(LazyFlags& f, T a, T b) {
  const T r = static_cast<T>(a - b);
  f.aux = aux_of<T>(static_cast<T>((~a & b) | ((~a | b) & r)));
  f.result = extend(r);
  return r;
}
template <class T>
inline T sbb(LazyFlags& f, T a, T b) {
  const T r = static_cast<T>(a - b - (f.cf() ? 1 : 0));
  f.aux = aux_of<T>(static_cast<T>((~a & b) | ((~a | b) & r)));
  f.result = extend(r);
  return r;
}
// AND, OR, XOR, TEST: CF and OF cleared; AF (undefined) cleared.
template <class T>
inline T logic(LazyFlags& f, T r) {
  f.aux = 0;
  f.result = extend(r);
  return r;
}
// INC and DEC keep CF.
template <class T>
inline T inc(LazyFlags& f, T a) {
  const bool carry = f.cf();
  const T r = add<T>(f, a, 1);
  f.set_cf_of(carry, r == static_cast<T>(T{1} << (bits_of<T> - 1)));
  return r;
}
template <class T>
inline T dec(LazyFlags& f, T a) {
  const bool carry = f.cf();
  const T r = sub<T>(f, a, 1);
  f.set_cf_of(carry, a == static_cast<T>(T{1} << (bits_of<T> - 1)));
  return r;
}
// Result flags from r, CF and OF given, AF cleared: shifts and others.
template <class T>
inline void shifted(LazyFlags& f, T r, bool carry, bool overflow) {
  f.aux = 0;
  f.result = extend(r);
  f.set_cf_of(carry, overflow);
}

}  // namespace alu

template <Condition condition>
inline bool is_met(const LazyFlags& f) {
  switch (condition) {
    case Condition::O: return f.of();
    case Condition::NO: return !f.of();
    case Condition::B: return f.cf();
    case Condition::NB: return !f.cf();
    case Condition::Z: return f.zf();
    case Condition::NZ: return !f.zf();
    case Condition::BE: return f.cf() || f.zf();
    case Condition::NBE: return !f.cf() && !f.zf();
    case Condition::S: return f.sf();
    case Condition::NS: return !f.sf();
    case Condition::P: return f.pf();
    case Condition::NP: return !f.pf();
    case Condition::L: return f.sf() != f.of();
    case Condition::NL: return f.sf() == f.of();
    case Condition::LE: return f.zf() || f.sf() != f.of();
    case Condition::NLE: return !f.zf() && f.sf() == f.of();
  }
  return false;
}

}  // namespace ringside
