// Owns the bodies of the string instructions without a repeat prefix.
#pragma once

#include "cpu/exec/core/address_size.h"
#include "cpu/exec/core/operands.h"

namespace ringside {

// Where a string instruction's operands lie: the source at seg:rSI (seg may be overridden), the destination
// at ES:rDI, both at the address size.
namespace strings {

inline SegReg source_segment(const Op& op) { return static_cast<SegReg>(op.seg); }
// In 64-bit mode only FS and GS have a base, and nothing has a limit.
inline bool unsegmented(const Cpu& cpu, SegReg seg) { return cpu.mode.bits64 && seg != FS && seg != GS; }

inline bool linear_address(Cpu& cpu, SegReg seg, u64 offset, unsigned size, AccessKind kind, u64& linear) {
  linear = offset;
  return unsegmented(cpu, seg) || linearize(cpu, seg, offset, size, kind, linear);
}
inline bool source(Cpu& cpu, const Op& op, unsigned size, u64& linear) {
  return linear_address(cpu, source_segment(op), cpu.gpr[RSI] & address_mask(op), size, AccessKind::read,
                        linear);
}
inline bool destination(Cpu& cpu, const Op& op, unsigned size, AccessKind kind, u64& linear) {
  return linear_address(cpu, ES, cpu.gpr[RDI] & address_mask(op), size, kind, linear);
}
// Moves an index register by elements of T, down if DF is set.
template <class T>
inline void advance(Cpu& cpu, const Op& op, GprNumber index, u64 elements = 1) {
  const u64 bytes = elements * sizeof(T);
  set_by_address_size(cpu, index, address_mask(op),
                      cpu.gpr[index] + (cpu.flag(Eflags::DF) ? 0 - bytes : bytes));
}
template <class T>
inline T accumulator(const Cpu& cpu) {
  return static_cast<T>(cpu.gpr[RAX]);
}

}  // namespace strings

template <class T>
inline bool movs(Cpu& cpu, const Op& op) {
  u64 from, to;
  T value;
  if (!strings::source(cpu, op, sizeof(T), from) || !load(cpu, from, value, strings::source_segment(op)) ||
      !strings::destination(cpu, op, sizeof(T), AccessKind::write, to) || !store(cpu, to, value, ES))
    return false;
  strings::advance<T>(cpu, op, RSI);
  strings::advance<T>(cpu, op, RDI);
  return true;
}
template <class T>
inline bool stos(Cpu& cpu, const Op& op) {
  u64 to;
  if (!strings::destination(cpu, op, sizeof(T), AccessKind::write, to) ||
      !store(cpu, to, strings::accumulator<T>(cpu), ES))
    return false;
  strings::advance<T>(cpu, op, RDI);
  return true;
}
template <class T>
inline bool lods(Cpu& cpu, const Op& op) {
  u64 from;
  T value;
  if (!strings::source(cpu, op, sizeof(T), from) || !load(cpu, from, value, strings::source_segment(op)))
    return false;
  if constexpr (sizeof(T) == 4)
    cpu.gpr[RAX] = value;
  else
    cpu.reg<T>(reg::of(RAX)) = value;
  strings::advance<T>(cpu, op, RSI);
  return true;
}
template <class T>
inline bool cmps(Cpu& cpu, const Op& op) {
  u64 first, second;
  T a, b;
  if (!strings::source(cpu, op, sizeof(T), first) || !load(cpu, first, a, strings::source_segment(op)) ||
      !strings::destination(cpu, op, sizeof(T), AccessKind::read, second) || !load(cpu, second, b, ES))
    return false;
  alu::sub(cpu.flags, a, b);
  strings::advance<T>(cpu, op, RSI);
  strings::advance<T>(cpu, op, RDI);
  return true;
}
template <class T>
inline bool scas(Cpu& cpu, const Op& op) {
  u64 second;
  T b;
  if (!strings::destination(cpu, op, sizeof(T), AccessKind::read, second) || !load(cpu, second, b, ES))
    return false;
  alu::sub(cpu.flags, strings::accumulator<T>(cpu), b);
  strings::advance<T>(cpu, op, RDI);
  return true;
}
}  // namespace ringside
