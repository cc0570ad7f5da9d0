// Owns the bodies of F16C: conversions between single and half precision.
#pragma once

#include "cpu/exec/sse/convert.h"

namespace ringside {

// VCVTPH2PS.
template <class Dst, class Src>
inline bool vcvtph2ps(Cpu& cpu, const Op& op) {
  typename Src::Value in;
  if (!avx_ready(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  const auto x = bits_as<ElementsOf<u16, decltype(in)>>(in);
  ElementsOf<u32, typename Dst::Value> out;
  soft::Context context(cpu.vector.mxcsr);
  for (unsigned i = 0; i < x.size(); ++i) out[i] = soft::from_half(context, x[i]);
  return commit_mxcsr(cpu, context) && Dst::write(cpu, op, bits_as<typename Dst::Value>(out));
}

// What is wrong with the place of a result comes before what is wrong with the numbers.
template <class A, class T>
inline bool may_write(Cpu& cpu, const Op& op, const Mem<A, T>*) {
  u64 linear;
  return memory_operand<A>(cpu, op, sizeof(T), AccessKind::write, linear) &&
         probe_write(cpu, linear, sizeof(T), static_cast<SegReg>(op.seg));
}

// VCVTPS2PH: bits 0-1 of the immediate are the rounding, bit 2 takes MXCSR's instead. A register's bits above
// the result are cleared.
template <class Dst, class Src>
inline bool vcvtps2ph(Cpu& cpu, const Op& op) {
  typename Src::Value in;
  if (!avx_ready(cpu)) return false;
  Src::read(cpu, op, in);
  const auto x = bits_as<ElementsOf<u32, decltype(in)>>(in);
  ElementsOf<u16, typename Dst::Value> out;
  soft::Context context(cpu.vector.mxcsr);
  const auto rounding = op.imm & 4 ? context.rounding() : static_cast<soft::Rounding>(op.imm & 3);
  for (unsigned i = 0; i < x.size(); ++i) out[i] = soft::to_half(context, x[i], rounding);
  const auto result = bits_as<typename Dst::Value>(out);
  if constexpr (Dst::where == Where::mem) {
    const Dst* const place = nullptr;
    return may_write(cpu, op, place) && commit_mxcsr(cpu, context) && Dst::write(cpu, op, result);
  } else if (!commit_mxcsr(cpu, context)) {
    return false;
  } else if constexpr (sizeof result == sizeof(V128)) {
    return Dst::write(cpu, op, result);
  } else {
    return Vec<0, V128>::write(cpu, op, V128{{result, 0}});
  }
}

}  // namespace ringside
