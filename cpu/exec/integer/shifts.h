// Owns the bodies of shifts, rotates and double shifts.
#pragma once

#include "cpu/exec/core/operands.h"

namespace ringside {

// Where the manual leaves OF undefined (counts above 1), OF follows the formula of count 1 on the result; AF
// is cleared by shifts and kept by rotates. A CF that the manual leaves undefined is that of the mathematical
// shift.
namespace shifting {

template <class T>
constexpr T top_bit(T value) {
  return static_cast<T>(value >> (alu::bits_of<T> - 1)) & 1;
}
template <class T>
constexpr T second_bit(T value) {
  return static_cast<T>(value >> (alu::bits_of<T> - 2)) & 1;
}
template <class T>
constexpr unsigned count_mask = sizeof(T) == 8 ? 63 : 31;

// Reads the count and the destination; a masked count of 0 leaves flags and value, but memory is written and
// a 32-bit register zero-extended all the same.
template <auto operation, class Dst, class Count>
inline bool shift(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  typename Count::Value raw;
  typename Dst::Slot slot;
  T a;
  Count::read(cpu, op, raw);
  const unsigned count = static_cast<unsigned>(raw) & count_mask<T>;
  if (!Dst::open(cpu, op, a, slot)) [[unlikely]]
    return false;
  if (count != 0) a = operation(cpu.flags, a, count);
  Dst::commit(cpu, op, slot, a);
  return true;
}

template <class T>
inline T shl(LazyFlags& f, T a, unsigned count) {
  constexpr unsigned bits = alu::bits_of<T>;
  const T before = count - 1 < bits ? static_cast<T>(a << (count - 1)) : T{0};  // all but the last step
  const T r = static_cast<T>(before << 1);
  alu::shifted(f, r, top_bit(before), top_bit(before) != top_bit(r));
  return r;
}
template <class T>
inline T shr(LazyFlags& f, T a, unsigned count) {
  constexpr unsigned bits = alu::bits_of<T>;
  const T before = count - 1 < bits ? static_cast<T>(a >> (count - 1)) : T{0};
  const T r = static_cast<T>(before >> 1);
  alu::shifted(f, r, before & 1, top_bit(r) != second_bit(r));
  return r;
}
template <class T>
inline T sar(LazyFlags& f, T a, unsigned count) {
  constexpr unsigned bits = alu::bits_of<T>;
  const s64 before = alu::extend(a) >> (count - 1 < bits ? count - 1 : bits - 1);
  const T r = static_cast<T>(before >> 1);
  alu::shifted(f, r, before & 1, false);
  return r;
}
template <class T>
inline T rol(LazyFlags& f, T a, unsigned count) {
  const T r = std::rotl(a, static_cast<int>(count % alu::bits_of<T>));
  f.set_cf_of(r & 1, (r & 1) != top_bit(r));
  return r;
}
template <class T>
inline T ror(LazyFlags& f, T a, unsigned count) {
  const T r = std::rotr(a, static_cast<int>(count % alu::bits_of<T>));
  f.set_cf_of(top_bit(r), top_bit(r) != second_bit(r));
  return r;
}
// Rotates of bits + 1 places, CF being the highest.
template <class T>
inline T rcl(LazyFlags& f, T a, unsigned count) {
  constexpr unsigned bits = alu::bits_of<T>;
  count %= bits + 1;
  if (count == 0) return a;
  const T carry = f.cf();
  T r = static_cast<T>(static_cast<T>(carry << (count - 1)) |
                       (count < bits ? static_cast<T>(a << count) : T{0}));
  if (count > 1) r |= static_cast<T>(a >> (bits + 1 - count));
  const bool out = (a >> (bits - count)) & 1;
  f.set_cf_of(out, out != (top_bit(r) != 0));
  return r;
}
template <class T>
inline T rcr(LazyFlags& f, T a, unsigned count) {
  constexpr unsigned bits = alu::bits_of<T>;
  count %= bits + 1;
  if (count == 0) return a;
  const T carry = f.cf();
  T r = static_cast<T>(static_cast<T>(carry << (bits - count)) |
                       (count < bits ? static_cast<T>(a >> count) : T{0}));
  if (count > 1) r |= static_cast<T>(a << (bits + 1 - count));
  const bool out = (a >> (count - 1)) & 1;
  f.set_cf_of(out, top_bit(r) != second_bit(r));
  return r;
}

// The double shifts' source follows the destination; of 16-bit operands with counts above 16 (undefined) the
// destination itself follows again.
template <class T>
inline T shld(LazyFlags& f, T a, T b, unsigned count) {
  constexpr unsigned bits = alu::bits_of<T>;
  T r;
  bool carry;
  if constexpr (sizeof(T) == 2) {
    const u64 run = static_cast<u64>(a) << 32 | static_cast<u64>(b) << 16 | a;
    r = static_cast<T>(run >> (32 - count));
    carry = (run >> (48 - count)) & 1;
  } else {
    r = static_cast<T>(a << count | b >> (bits - count));
    carry = (a >> (bits - count)) & 1;
  }
  alu::shifted(f, r, carry, carry != (top_bit(r) != 0));
  return r;
}
template <class T>
inline T shrd(LazyFlags& f, T a, T b, unsigned count) {
  constexpr unsigned bits = alu::bits_of<T>;
  T r;
  bool carry;
  if constexpr (sizeof(T) == 2) {
    const u64 run = static_cast<u64>(a) << 32 | static_cast<u64>(b) << 16 | a;
    r = static_cast<T>(run >> count);
    carry = (run >> (count - 1)) & 1;
  } else {
    r = static_cast<T>(a >> count | b << (bits - count));
    carry = (a >> (count - 1)) & 1;
  }
  alu::shifted(f, r, carry, top_bit(r) != second_bit(r));
  return r;
}

// The count is the third operand: an immediate, or CL.
template <auto operation, bool by_cl, class Dst, class Src>
inline bool double_shift(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  typename Dst::Slot slot;
  T a, b;
  if (!Src::read(cpu, op, b) || !Dst::open(cpu, op, a, slot)) [[unlikely]]
    return false;
  const unsigned count = static_cast<unsigned>(by_cl ? cpu.gpr[RCX] : op.imm) & count_mask<T>;
  if (count != 0) a = operation(cpu.flags, a, b, count);
  Dst::commit(cpu, op, slot, a);
  return true;
}

}  // namespace shifting

template <class D, class C>
constexpr auto shl = shifting::shift<shifting::shl<typename D::Value>, D, C>;
template <class D, class C>
constexpr auto shr = shifting::shift<shifting::shr<typename D::Value>, D, C>;
template <class D, class C>
constexpr auto sar = shifting::shift<shifting::sar<typename D::Value>, D, C>;
template <class D, class C>
constexpr auto rol = shifting::shift<shifting::rol<typename D::Value>, D, C>;
template <class D, class C>
constexpr auto ror = shifting::shift<shifting::ror<typename D::Value>, D, C>;
template <class D, class C>
constexpr auto rcl = shifting::shift<shifting::rcl<typename D::Value>, D, C>;
template <class D, class C>
constexpr auto rcr = shifting::shift<shifting::rcr<typename D::Value>, D, C>;

template <class D, class S>
constexpr auto shld_immediate = shifting::double_shift<shifting::shld<typename D::Value>, false, D, S>;
template <class D, class S>
constexpr auto shld_cl = shifting::double_shift<shifting::shld<typename D::Value>, true, D, S>;
template <class D, class S>
constexpr auto shrd_immediate = shifting::double_shift<shifting::shrd<typename D::Value>, false, D, S>;
template <class D, class S>
constexpr auto shrd_cl = shifting::double_shift<shifting::shrd<typename D::Value>, true, D, S>;

}  // namespace ringside
