// Owns the templates that make bodies of packed-integer functions, for XMM and for MMX registers.
//
// A function takes and gives whole 128-bit values of SIMDe, which are the host's own where it has them. The
// MMX form of an instruction is the same function on the low halves; where elements meet across the halves
// (packs, horizontal sums) both operands are first laid side by side.
#pragma once

#include <simde/x86/sse4.2.h>

#include "cpu/exec/operands.h"
#include "cpu/exec/sse/fast_float.h"

namespace ringside {

using Packed = simde__m128i;
inline Packed packed_of(const V128& v) { return bits_as<Packed>(v); }
inline Packed packed_of(u64 low, u64 high = 0) { return packed_of(V128{{low, high}}); }
inline V128 v128_of(Packed p) { return bits_as<V128>(p); }
inline u64 low_half(Packed p) { return v128_of(p).q[0]; }

template <class T>
using LanesOf = std::array<T, 16 / sizeof(T)>;

// XMM: f(destination, source).
template <class Function, class Dst, class Src>
inline bool packed_sse(Cpu& cpu, const Op& op) {
  V128 b;
  if (!sse_ready(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  V128& a = Dst::at(cpu, op);
  a = v128_of(Function{}(packed_of(a), packed_of(b)));
  return true;
}
// XMM with an immediate: f(destination, source, immediate byte).
template <class Function, class Dst, class Src>
inline bool packed_sse_control(Cpu& cpu, const Op& op) {
  V128 b;
  if (!sse_ready(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  V128& a = Dst::at(cpu, op);
  a = Function{}(a, b, static_cast<u8>(op.imm));
  return true;
}
// Source elements narrower than a register's share (PMOVSX, PMOVZX): f(low bits of the source).
template <class Function, class Dst, class Src>
inline bool packed_sse_extend(Cpu& cpu, const Op& op) {
  typename Src::Value b;
  if (!sse_ready(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  Dst::at(cpu, op) = v128_of(Function{}(packed_of(static_cast<u64>(b))));
  return true;
}
// The count is the source's low 64 bits or an immediate byte.
template <class Function, class Dst, class Src>
inline bool packed_sse_shift(Cpu& cpu, const Op& op) {
  V128 count;
  if (!sse_ready(cpu)) return false;
  if constexpr (Src::where == Where::imm) {
    count = {{static_cast<u8>(op.imm), 0}};
  } else if (!Src::read(cpu, op, count)) {
    return false;
  }
  V128& a = Dst::at(cpu, op);
  a = v128_of(Function{}(packed_of(a), packed_of(count)));
  return true;
}

// MMX, element by element.
template <class Function, class Dst, class Src>
inline bool packed_mmx(Cpu& cpu, const Op& op) {
  typename Src::Value b;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  enter_mmx(cpu);
  return Dst::write(cpu, op,
                    low_half(Function{}(packed_of(Dst::at(cpu, op).significand), packed_of(u64{b}))));
}
// MMX, both operands side by side.
template <class Function, class Dst, class Src>
inline bool packed_mmx_joined(Cpu& cpu, const Op& op) {
  u64 b;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  enter_mmx(cpu);
  const Packed both = packed_of(Dst::at(cpu, op).significand, b);
  return Dst::write(cpu, op, low_half(Function{}(both, both)));
}
// MMX, the upper half of what f makes of the low halves: PUNPCKHxx by PUNPCKLxx.
template <class Function, class Dst, class Src>
inline bool packed_mmx_high(Cpu& cpu, const Op& op) {
  u64 b;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  enter_mmx(cpu);
  return Dst::write(cpu, op, v128_of(Function{}(packed_of(Dst::at(cpu, op).significand), packed_of(b))).q[1]);
}
template <class Function, class Dst, class Src>
inline bool packed_mmx_shift(Cpu& cpu, const Op& op) {
  u64 count;
  if (!mmx_ready(cpu)) return false;
  if constexpr (Src::where == Where::imm) {
    count = static_cast<u8>(op.imm);
  } else if (!Src::read(cpu, op, count)) {
    return false;
  }
  enter_mmx(cpu);
  return Dst::write(cpu, op, low_half(Function{}(packed_of(Dst::at(cpu, op).significand), packed_of(count))));
}

// A function as a type, so that the templates above can take it.
template <Packed (*function)(Packed, Packed)>
struct Two {
  Packed operator()(Packed a, Packed b) const { return function(a, b); }
};
template <Packed (*function)(Packed)>
struct One128 {
  Packed operator()(Packed, Packed b) const { return function(b); }
  Packed operator()(Packed b) const { return function(b); }
};

// PSIGNx: the destination, negated where the source is negative, zero where it is zero. (SIMDe negates signed
// numbers, which the smallest does not survive.)
template <class T>
inline Packed apply_signs(Packed a, Packed b) {
  using Signed = std::make_signed_t<T>;
  auto r = bits_as<LanesOf<T>>(a);
  const auto signs = bits_as<LanesOf<Signed>>(b);
  for (unsigned i = 0; i < r.size(); ++i) {
    r[i] = signs[i] < 0 ? static_cast<T>(T{0} - r[i]) : signs[i] == 0 ? T{0} : r[i];
  }
  return bits_as<Packed>(r);
}
// PSHUFB; SIMDe's way without SSSE3 is slower.
inline Packed shuffle_bytes(Packed a, Packed b) {
  const auto x = bits_as<LanesOf<u8>>(a), select = bits_as<LanesOf<u8>>(b);
  LanesOf<u8> r;
  for (unsigned i = 0; i < 16; ++i) r[i] = select[i] & 0x80 ? u8{0} : x[select[i] & 15];
  return bits_as<Packed>(r);
}

}  // namespace ringside
