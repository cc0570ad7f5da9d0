// Owns the templates that make bodies of packed-integer functions, for XMM, YMM and MMX registers.
//
// A function takes and gives whole 128-bit values, mostly by SIMDe, whose types are the host's own where it
// has them. The MMX form of an instruction is the same function on parts of registers; the 256-bit form is
// the function on either half.
#pragma once

#include <simde/x86/sse4.2.h>

#include "cpu/exec/core/operands.h"
#include "cpu/exec/sse/fast_float.h"

namespace ringside {

using Packed = simde__m128i;
inline Packed packed_of(const V128& v) { return bits_as<Packed>(v); }
inline V128 v128_of(Packed p) { return bits_as<V128>(p); }

template <class T>
using LanesOf = std::array<T, 16 / sizeof(T)>;

// What bodies make registers of: functions as types that give an XMM register, or the low half of one, from
// the destination's and the source's old values.
template <Packed (*function)(Packed, Packed)>
struct Two {
  V128 operator()(const V128& a, const V128& b) const {
    return v128_of(function(packed_of(a), packed_of(b)));
  }
};
template <Packed (*function)(Packed)>
struct OfSource {
  V128 operator()(const V128&, const V128& b) const { return v128_of(function(packed_of(b))); }
};
template <auto function>
struct Call {
  V128 operator()(const V128& a, const V128& b) const { return function(a, b); }
  V128 operator()(const V128& a, const V128& b, u8 control) const { return function(a, b, control); }
};

// How an MMX form uses the function of the XMM form: on low halves, with both operands laid side by side (the
// packs, horizontal sums), or for the upper half of what it makes of low halves (PUNPCKHxx by PUNPCKLxx).
template <class Function>
struct LowHalves {
  u64 operator()(u64 a, u64 b) const { return Function{}(V128{{a, 0}}, V128{{b, 0}}).q[0]; }
};
template <class Function>
struct SideBySide {
  u64 operator()(u64 a, u64 b) const { return Function{}(V128{{a, b}}, V128{{a, b}}).q[0]; }
};
template <class Function>
struct UpperHalf {
  u64 operator()(u64 a, u64 b) const { return Function{}(V128{{a, 0}}, V128{{b, 0}}).q[1]; }
};

// A function on a whole register, or on both halves. Where b is narrower than a, it is the same for both: the
// count of a shift.
template <class Function>
inline V128 lanewise(const V128& a, const V128& b) {
  return Function{}(a, b);
}
template <class Function>
inline V256 lanewise(const V256& a, const V256& b) {
  return {Function{}(a.low, b.low), Function{}(a.high, b.high)};
}
template <class Function>
inline V256 lanewise(const V256& a, const V128& b) {
  return {Function{}(a.low, b), Function{}(a.high, b)};
}
// With an immediate byte, of which some functions use other bits for the upper half.
template <class Function>
constexpr unsigned control_shift = 0;
template <class Function>
requires(Function::bits_of_a_half != 0) constexpr unsigned control_shift<Function> = Function::bits_of_a_half;
template <class Function>
inline V128 lanewise(const V128& a, const V128& b, u8 control) {
  return Function{}(a, b, control);
}
template <class Function>
inline V256 lanewise(const V256& a, const V256& b, u8 control) {
  return {Function{}(a.low, b.low, control),
          Function{}(a.high, b.high, static_cast<u8>(control >> control_shift<Function>))};
}
// The halves of a source that is widened to a whole register.
inline std::array<V128, 2> halves(u32 b) { return {V128{{b & 0xffff, 0}}, V128{{b >> 16, 0}}}; }
inline std::array<V128, 2> halves(u64 b) { return {V128{{b & 0xffffffff, 0}}, V128{{b >> 32, 0}}}; }
inline std::array<V128, 2> halves(const V128& b) { return {V128{{b.q[0], 0}}, V128{{b.q[1], 0}}}; }

// What a source is read into: the count of a shift is an immediate byte, or the low part of a register.
template <class Src>
struct SourceValue {
  using Type = typename Src::Value;
};
template <class T>
struct SourceValue<Imm<T>> {
  using Type = V128;
};
template <class Src>
using SourceOf = typename SourceValue<Src>::Type;

// The source, or an immediate byte: the count of a shift.
template <class Src, class T>
inline bool read_source(Cpu& cpu, const Op& op, T& value) {
  if constexpr (Src::where == Where::imm) {
    value = T{static_cast<u8>(op.imm)};
    return true;
  } else {
    return Src::read(cpu, op, value);
  }
}
template <class Function, class Dst, class Src>
inline bool packed_sse(Cpu& cpu, const Op& op) {
  SourceOf<Src> b;
  if (!vector_ready<Dst>(cpu) || !read_source<Src>(cpu, op, b)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, lanewise<Function>(Dst::first(cpu, op), b));
}
// With an immediate byte: f(destination, source, immediate).
template <class Function, class Dst, class Src>
inline bool packed_sse_control(Cpu& cpu, const Op& op) {
  typename Src::Value b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, lanewise<Function>(Dst::first(cpu, op), b, static_cast<u8>(op.imm)));
}
// Source elements narrower than a register's share (PMOVSX, PMOVZX): f of the low bits of the source.
template <class Function, class Dst, class Src>
inline bool packed_sse_extend(Cpu& cpu, const Op& op) {
  typename Src::Value b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  if constexpr (sizeof(typename Dst::Value) == sizeof(V256)) {
    const auto [low, high] = halves(b);
    return Dst::write(cpu, op, {Function{}(V128{}, low), Function{}(V128{}, high)});
  } else {
    return Dst::write(cpu, op, Function{}(V128{}, V128{{b, 0}}));
  }
}
template <class Function, class Dst, class Src>
inline bool packed_mmx(Cpu& cpu, const Op& op) {
  std::conditional_t<Src::where == Where::mem, typename Src::Value, u64> b;
  if (!mmx_ready(cpu) || !read_source<Src>(cpu, op, b)) [[unlikely]]
    return false;
  mark_mmx_in_use(cpu);
  return Dst::write(cpu, op, Function{}(Dst::at(cpu, op).significand, b));
}

// One name for both forms: by the destination, an XMM or an MMX register.
template <class Operand>
constexpr bool is_mmx = false;
template <unsigned P>
constexpr bool is_mmx<Mmx<P>> = true;
template <class ForXmm, class ForMmx, class Dst, class Src>
constexpr auto either_of() {
  if constexpr (is_mmx<Dst>)
    return packed_mmx<ForMmx, Dst, Src>;
  else
    return packed_sse<ForXmm, Dst, Src>;
}
template <class Function, class D, class S>
constexpr auto packed = either_of<Function, LowHalves<Function>, D, S>();
template <class Function, class D, class S>
constexpr auto packed_joined = either_of<Function, SideBySide<Function>, D, S>();
template <class High, class Low, class D, class S>
constexpr auto packed_high = either_of<High, UpperHalf<Low>, D, S>();

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

// PSHUFW and the halves of its relatives.
inline u64 shuffle_words(u64 x, u8 select) {
  u64 r = 0;
  for (unsigned i = 0; i < 4; ++i) r |= (x >> (select >> (2 * i) & 3) * 16 & 0xffff) << (16 * i);
  return r;
}

}  // namespace ringside
