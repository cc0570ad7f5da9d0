// Owns pushing to and popping from the stack at the present stack size.
#pragma once

#include "cpu/exec/core/operands.h"

namespace ringside {

// Stack pointer by the stack's size: what a push or pop sees, and how it is set.
template <class A>
inline u64 stack_pointer(Cpu& cpu) {
  if constexpr (A::flat) return cpu.gpr[RSP];
  switch (cpu.mode.stack_bits) {
    case 16: return static_cast<u16>(cpu.gpr[RSP]);
    case 32: return static_cast<u32>(cpu.gpr[RSP]);
    default: return cpu.gpr[RSP];
  }
}
template <class A>
inline void set_stack_pointer(Cpu& cpu, u64 value) {
  if constexpr (A::flat) {
    cpu.gpr[RSP] = value;
    return;
  }
  switch (cpu.mode.stack_bits) {
    case 16: cpu.reg<u16>(reg::of(RSP)) = static_cast<u16>(value); break;
    case 32: cpu.gpr[RSP] = static_cast<u32>(value); break;
    default: cpu.gpr[RSP] = value;
  }
}
// Wraps a stack offset at the stack's size.
template <class A>
inline u64 stack_offset(Cpu& cpu, u64 offset) {
  if constexpr (A::flat) return offset;
  switch (cpu.mode.stack_bits) {
    case 16: return static_cast<u16>(offset);
    case 32: return static_cast<u32>(offset);
    default: return offset;
  }
}

// Accesses at an offset in SS.
template <class A, class T>
inline bool load_stack(Cpu& cpu, u64 offset, T& value) {
  u64 linear = offset;
  if constexpr (!A::flat) {
    if (!linearize(cpu, SS, offset, sizeof(T), AccessKind::read, linear)) return false;
  }
  return load(cpu, linear, value, SS);
}
template <class A, class T>
inline bool store_stack(Cpu& cpu, u64 offset, T value) {
  u64 linear = offset;
  if constexpr (!A::flat) {
    if (!linearize(cpu, SS, offset, sizeof(T), AccessKind::write, linear)) return false;
  }
  return store(cpu, linear, value, SS);
}

template <class A, class T>
inline bool push_value(Cpu& cpu, const Op&, T value) {
  const u64 offset = stack_offset<A>(cpu, stack_pointer<A>(cpu) - sizeof(T));
  if (!store_stack<A, T>(cpu, offset, value)) return false;
  set_stack_pointer<A>(cpu, offset);
  return true;
}
template <class A, class T>
inline bool pop_value(Cpu& cpu, const Op&, T& value) {
  const u64 offset = stack_pointer<A>(cpu);
  if (!load_stack<A, T>(cpu, offset, value)) return false;
  set_stack_pointer<A>(cpu, stack_offset<A>(cpu, offset + sizeof(T)));
  return true;
}

// Reads `size` (2, 4 or 8) bytes at `offset` above the stack pointer, at the present stack size and
// privilege. Moves nothing.
bool peek_stack(Cpu& cpu, u64 offset, unsigned size, u64& value);

}  // namespace ringside
