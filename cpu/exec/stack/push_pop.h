// Owns the bodies of the stack instructions: PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE.
#pragma once

#include "cpu/exec/core/operands.h"
#include "cpu/exec/core/stack.h"

namespace ringside {

template <class A, class Src>
inline bool push(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  return Src::read(cpu, op, value) && push_value<A>(cpu, op, value);
}

// With a 32-bit operand the selector is written by a 16-bit move; with 64 bits it is zero-extended.
template <class A, class Src>
inline bool push_segment(Cpu& cpu, const Op& op) {
  const u16 selector = cpu.segment[Src::number(op) & 7].selector;
  const u64 offset = stack_offset<A>(cpu, stack_pointer<A>(cpu) - op.size);
  const bool stored =
      op.size == 8 ? store_stack<A, u64>(cpu, offset, selector) : store_stack<A, u16>(cpu, offset, selector);
  if (!stored) return false;
  set_stack_pointer<A>(cpu, offset);
  return true;
}

// An address that uses rSP sees it after the pop; a register operand rSP takes the popped value.
template <class A, class Dst>
inline bool pop(Cpu& cpu, const Op& op) {
  typename Dst::Value value;
  if constexpr (Dst::where == Where::reg) {
    return pop_value<A>(cpu, op, value) && Dst::write(cpu, op, value);
  } else {
    const u64 before = cpu.gpr[RSP];
    if (!pop_value<A>(cpu, op, value)) [[unlikely]]
      return false;
    if (!Dst::write(cpu, op, value)) [[unlikely]] {
      cpu.gpr[RSP] = before;
      return false;
    }
    return true;
  }
}

template <class A, class T>
inline bool pusha(Cpu& cpu, const Op&) {
  const u64 top = stack_pointer<A>(cpu);
  for (unsigned i = 0; i < 8; ++i)
    if (!store_stack<A, T>(cpu, stack_offset<A>(cpu, top - (i + 1) * sizeof(T)), static_cast<T>(cpu.gpr[i])))
      return false;
  set_stack_pointer<A>(cpu, stack_offset<A>(cpu, top - 8 * sizeof(T)));
  return true;
}
template <class A, class T>
inline bool popa(Cpu& cpu, const Op&) {
  const u64 top = stack_pointer<A>(cpu);
  T values[8];
  for (unsigned i = 0; i < 8; ++i)
    if (!load_stack<A, T>(cpu, stack_offset<A>(cpu, top + i * sizeof(T)), values[i])) return false;
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned number = 7 - i;
    if (number == RSP) continue;
    if constexpr (sizeof(T) == 2)
      cpu.reg<u16>(reg::of(number)) = values[i];
    else
      cpu.gpr[number] = values[i];
  }
  set_stack_pointer<A>(cpu, stack_offset<A>(cpu, top + 8 * sizeof(T)));
  return true;
}

// What PUSHF would push, and POPF with its privilege rules (size: bytes of the operand). False: #GP(0) is
// raised.
bool flags_to_push(Cpu& cpu, unsigned size, u64& image);
bool set_popped_flags(Cpu& cpu, unsigned size, u64 image);

template <class A, class T>
inline bool pushf(Cpu& cpu, const Op& op) {
  u64 image;
  return flags_to_push(cpu, sizeof(T), image) && push_value<A, T>(cpu, op, static_cast<T>(image));
}
template <class A, class T>
inline bool popf(Cpu& cpu, const Op&) {
  const u64 offset = stack_pointer<A>(cpu);
  T image;
  if (!load_stack<A, T>(cpu, offset, image) || !set_popped_flags(cpu, sizeof(T), image)) return false;
  set_stack_pointer<A>(cpu, stack_offset<A>(cpu, offset + sizeof(T)));
  return true;
}

// rBP at the stack's size, or a write of it at the operand's size.
template <class A>
inline u64 frame_pointer(Cpu& cpu) {
  return stack_offset<A>(cpu, cpu.gpr[RBP]);
}
template <class T>
inline void set_frame_pointer(Cpu& cpu, T value) {
  if constexpr (sizeof(T) == 2)
    cpu.reg<u16>(reg::of(RBP)) = value;
  else
    cpu.gpr[RBP] = value;
}

template <class A, class Allocation, class>
inline bool enter(Cpu& cpu, const Op& op) {
  using T = typename Allocation::Value;
  const unsigned level = op.r2 & 31;
  u64 top = stack_pointer<A>(cpu);
  u64 enclosing = frame_pointer<A>(cpu);
  const auto push_at_top = [&](T value) {
    top = stack_offset<A>(cpu, top - sizeof(T));
    return store_stack<A, T>(cpu, top, value);
  };
  if (!push_at_top(static_cast<T>(cpu.gpr[RBP]))) return false;
  // Operands of 32 bits take all of ESP, whatever a 16-bit stack makes of it.
  const u64 frame = (cpu.gpr[RSP] & ~stack_offset<A>(cpu, ~u64{0})) | top;
  for (unsigned i = 1; i < level; ++i) {
    T pointer;
    enclosing = stack_offset<A>(cpu, enclosing - sizeof(T));
    if (!load_stack<A, T>(cpu, enclosing, pointer) || !push_at_top(pointer)) return false;
  }
  if (level > 0 && !push_at_top(static_cast<T>(frame))) return false;
  top = stack_offset<A>(cpu, top - static_cast<u16>(op.imm));
  // The manual: a write at the final stack pointer must not fault.
  u64 linear = top;
  if constexpr (!A::flat) {
    if (!linearize(cpu, SS, top, sizeof(T), AccessKind::write, linear)) return false;
  }
  if (!probe_write(cpu, linear, sizeof(T), SS)) return false;
  set_frame_pointer<T>(cpu, static_cast<T>(frame));
  set_stack_pointer<A>(cpu, top);
  return true;
}
template <class A, class T>
inline bool leave(Cpu& cpu, const Op&) {
  const u64 offset = frame_pointer<A>(cpu);
  T caller;
  if (!load_stack<A, T>(cpu, offset, caller)) [[unlikely]]
    return false;
  set_stack_pointer<A>(cpu, stack_offset<A>(cpu, offset + sizeof(T)));
  set_frame_pointer<T>(cpu, caller);
  return true;
}

}  // namespace ringside
