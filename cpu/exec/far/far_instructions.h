// Owns the bodies of far JMP, CALL and RET, of IRET, INT and of the system calls.
#pragma once

#include "cpu/exec/events/events.h"
#include "cpu/exec/far/far_transfers.h"

namespace ringside {

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

}  // namespace ringside
