// Owns the bodies of the rows in far.inc: segment loads, far transfers, INT, and the system-descriptor
// instructions.
#pragma once

#include "cpu/exec/descriptors/descriptor_instructions.h"
#include "cpu/exec/events/events.h"
#include "cpu/exec/far/far_transfers.h"
#include "cpu/exec/core/stack.h"
#include "cpu/exec/core/guest_instructions.h"

namespace ringside {

// -- Segment registers.

// MOV SS and POP SS hold off interrupts, NMI and debug traps until after the next instruction.
inline void load_checked_segment(Cpu& cpu, SegReg reg, const Segment& s, bool shadows) {
  commit_segment(cpu, reg, s);
  if (reg != SS || !shadows) return;
  cpu.interrupt_shadow |= Shadow::mov_ss;
  cpu.attention |= Attention::shadow;
}

template <class Dst, class Src>
inline bool mov_from_segment(Cpu& cpu, const Op& op) {
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(cpu.segment[Src::number(op)].selector));
}
template <class Dst, class Src>
inline bool mov_to_segment(Cpu& cpu, const Op& op) {
  const SegReg reg = static_cast<SegReg>(Dst::number(op));
  u16 selector;
  Segment s;
  if (!Src::read(cpu, op, selector) || !prepare_segment(cpu, reg, selector, s)) return false;
  load_checked_segment(cpu, reg, s, true);
  return true;
}

template <class A, class Dst>
inline bool pop_segment(Cpu& cpu, const Op& op) {
  const SegReg reg = static_cast<SegReg>(Dst::number(op));
  u64 selector;
  Segment s;
  if (!peek_stack(cpu, 0, op.size, selector) || !prepare_segment(cpu, reg, static_cast<u16>(selector), s))
    return false;
  set_stack_pointer<A>(cpu, stack_offset<A>(cpu, stack_pointer<A>(cpu) + op.size));
  load_checked_segment(cpu, reg, s, true);
  return true;
}

template <SegReg reg, class Dst, class Src>
inline bool load_far_pointer(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  const SegReg from = static_cast<SegReg>(op.seg);
  u64 linear;
  T offset;
  u16 selector;
  Segment s;
  if (!Src::linear(cpu, op, sizeof(T) + 2, AccessKind::read, linear) || !load(cpu, linear, offset, from) ||
      !load(cpu, linear_after(cpu, linear, sizeof(T)), selector, from) ||
      !prepare_segment(cpu, reg, selector, s))
    return false;
  load_checked_segment(cpu, reg, s, false);
  return Dst::write(cpu, op, offset);
}
template <class D, class S>
constexpr auto les = load_far_pointer<ES, D, S>;
template <class D, class S>
constexpr auto lds = load_far_pointer<DS, D, S>;
template <class D, class S>
constexpr auto lss = load_far_pointer<SS, D, S>;
template <class D, class S>
constexpr auto lfs = load_far_pointer<FS, D, S>;
template <class D, class S>
constexpr auto lgs = load_far_pointer<GS, D, S>;

// -- Far transfers.

// m16:16, m16:32 or m16:64 by operand size.
template <class Src>
inline bool read_far_pointer(Cpu& cpu, const Op& op, u16& selector, u64& offset) {
  const SegReg from = static_cast<SegReg>(op.seg);
  u64 linear;
  u32 dword;
  u16 word;
  if (!Src::linear(cpu, op, op.size + 2u, AccessKind::read, linear)) return false;
  switch (op.size) {
    case 2:
      if (!load(cpu, linear, word, from)) return false;
      offset = word;
      break;
    case 4:
      if (!load(cpu, linear, dword, from)) return false;
      offset = dword;
      break;
    default:
      if (!load(cpu, linear, offset, from)) return false;
  }
  return load(cpu, linear_after(cpu, linear, op.size), selector, from);
}
inline u16 immediate_selector(const Op& op) { return static_cast<u16>(op.imm64 >> 32); }
inline u64 immediate_offset(const Op& op) {
  return static_cast<u64>(op.imm64) & (op.size == 2 ? 0xffff : 0xffffffff);
}

using FarTransfer = bool(Cpu&, u16 selector, u64 offset, unsigned width);
template <FarTransfer transfer, class>
inline bool to_far_pointer(Cpu& cpu, const Op& op) {
  return transfer(cpu, immediate_selector(op), immediate_offset(op), op.size);
}
template <FarTransfer transfer, class Src>
inline bool through_far_pointer(Cpu& cpu, const Op& op) {
  u16 selector;
  u64 offset;
  return read_far_pointer<Src>(cpu, op, selector, offset) && transfer(cpu, selector, offset, op.size);
}
template <class Src>
constexpr auto jmp_far_pointer = to_far_pointer<far_jump, Src>;
template <class Src>
constexpr auto call_far_pointer = to_far_pointer<far_call, Src>;
template <class Src>
constexpr auto jmp_far_memory = through_far_pointer<far_jump, Src>;
template <class Src>
constexpr auto call_far_memory = through_far_pointer<far_call, Src>;
template <class Src>
inline bool ret_far_release(Cpu& cpu, const Op& op) {
  return far_return(cpu, op.size, static_cast<u16>(op.imm));
}
inline bool ret_far(Cpu& cpu, const Op& op) { return far_return(cpu, op.size, 0); }
inline bool iret(Cpu& cpu, const Op& op) { return interrupt_return(cpu, op.size); }

// -- Software interrupts and system calls.

inline bool int_n(Cpu& cpu, const Op& op) {
  return software_interrupt(cpu, EventType::software_interrupt, static_cast<u8>(op.imm), cpu.next_rip,
                            op.length);
}
inline bool int1(Cpu& cpu, const Op& op) {
  return software_interrupt(cpu, EventType::privileged_software_exception, static_cast<u8>(Vector::DB),
                            cpu.next_rip, op.length);
}
inline bool int3(Cpu& cpu, const Op& op) {
  return software_interrupt(cpu, EventType::software_exception, static_cast<u8>(Vector::BP), cpu.next_rip,
                            op.length);
}
inline bool into(Cpu& cpu, const Op& op) {
  return !cpu.flags.of() || software_interrupt(cpu, EventType::software_exception,
                                               static_cast<u8>(Vector::OF), cpu.next_rip, op.length);
}
inline bool syscall_instruction(Cpu& cpu, const Op&) { return syscall(cpu); }
inline bool sysret_instruction(Cpu& cpu, const Op& op) { return sysret(cpu, op.size == 8); }
inline bool sysenter_instruction(Cpu& cpu, const Op&) { return sysenter(cpu); }
inline bool sysexit_instruction(Cpu& cpu, const Op& op) { return sysexit(cpu, op.size == 8); }

// -- System descriptors.

template <auto load, class Src>
inline bool load_system_register(Cpu& cpu, const Op& op) {
  u16 selector;
  return may_load_system_register(cpu) && !(cpu.non_root && system_segment_exits(cpu, op)) &&
         Src::read(cpu, op, selector) && load(cpu, selector);
}
template <SegReg reg, class Dst>
inline bool store_system_register(Cpu& cpu, const Op& op) {
  return may_store_system_register(cpu) && !(cpu.non_root && system_segment_exits(cpu, op)) &&
         Dst::write(cpu, op, static_cast<typename Dst::Value>(cpu.segment[reg].selector));
}
template <class Src>
constexpr auto lldt = load_system_register<load_local_descriptor_table, Src>;
template <class Src>
constexpr auto ltr = load_system_register<load_task_register, Src>;
template <class Dst>
constexpr auto sldt = store_system_register<LDTR, Dst>;
template <class Dst>
constexpr auto str = store_system_register<TR, Dst>;

// Runs `look` on the selector; ZF is its answer's validity, and where it is set `value` is written.
template <auto look, class Dst, class Src>
inline bool look_up_descriptor(Cpu& cpu, const Op& op) {
  typename Src::Value selector;
  Looked found;
  if (!in_segmented_mode(cpu) || !Src::read(cpu, op, selector) ||
      !look(cpu, static_cast<u16>(selector), found))
    return false;
  set_zero_flag(cpu, found.valid);
  return !found.valid || Dst::write(cpu, op, static_cast<typename Dst::Value>(found.value));
}
template <class D, class S>
constexpr auto lar = look_up_descriptor<look_up_access_rights, D, S>;
template <class D, class S>
constexpr auto lsl = look_up_descriptor<look_up_limit, D, S>;
template <bool write, class Src>
inline bool verify(Cpu& cpu, const Op& op) {
  u16 selector;
  Looked found;
  if (!in_segmented_mode(cpu) || !Src::read(cpu, op, selector) ||
      !look_up_access(cpu, selector, write, found))
    return false;
  set_zero_flag(cpu, found.valid);
  return true;
}
template <class Src>
constexpr auto verr = verify<false, Src>;
template <class Src>
constexpr auto verw = verify<true, Src>;
template <class Dst, class Src>
inline bool arpl(Cpu& cpu, const Op& op) {
  u16 selector, other;
  typename Dst::Slot slot;
  if (!in_segmented_mode(cpu) || !Src::read(cpu, op, other) || !Dst::open(cpu, op, selector, slot))
    return false;
  const bool raise = (selector & 3) < (other & 3);
  if (raise) Dst::commit(cpu, op, slot, static_cast<u16>((selector & ~3) | (other & 3)));
  set_zero_flag(cpu, raise);
  return true;
}

}  // namespace ringside
