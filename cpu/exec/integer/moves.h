// Owns the bodies of data movement: moves, extensions, exchanges, byte swaps, conditional moves and sets.
#pragma once

#include "cpu/exec/core/address_size.h"
#include "cpu/exec/core/operands.h"

namespace ringside {

template <class Dst, class Src>
inline bool mov(Cpu& cpu, const Op& op) {
  typename Dst::Value value;
  return Src::read(cpu, op, value) && Dst::write(cpu, op, value);
}

// MOV r64, imm64.
template <class Dst, class Src>
inline bool mov_imm64(Cpu& cpu, const Op& op) {
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(op.imm64));
}

// The linear address of an operand whose 64-bit offset fills the operation's imm64.
template <class T>
inline bool absolute_operand(Cpu& cpu, const Op& op, AccessKind kind, u64& linear) {
  return linearize(cpu, static_cast<SegReg>(op.seg), absolute_address(op) & address_mask(op), sizeof(T), kind,
                   linear);
}
template <class Dst, class Src>
inline bool mov_from_absolute(Cpu& cpu, const Op& op) {
  typename Dst::Value value;
  u64 linear;
  return absolute_operand<typename Dst::Value>(cpu, op, AccessKind::read, linear) &&
         load(cpu, linear, value, static_cast<SegReg>(op.seg)) && Dst::write(cpu, op, value);
}
template <class Dst, class Src>
inline bool mov_to_absolute(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  u64 linear;
  return Src::read(cpu, op, value) &&
         absolute_operand<typename Src::Value>(cpu, op, AccessKind::write, linear) &&
         store(cpu, linear, value, static_cast<SegReg>(op.seg));
}

template <class Dst, class Src>
inline bool movzx(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  return Src::read(cpu, op, value) && Dst::write(cpu, op, static_cast<typename Dst::Value>(value));
}

template <class Dst, class Src>
inline bool movsx(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  return Src::read(cpu, op, value) &&
         Dst::write(cpu, op, static_cast<typename Dst::Value>(alu::extend(value)));
}

template <class Dst, class Address>
inline bool lea(Cpu& cpu, const Op& op) {
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(Address::offset(cpu, op)));
}

template <class Dst, class Src>
inline bool xchg(Cpu& cpu, const Op& op) {
  typename Dst::Value a, b;
  typename Dst::Slot slot;
  if (!Src::read(cpu, op, b) || !Dst::open(cpu, op, a, slot)) [[unlikely]]
    return false;
  Dst::commit(cpu, op, slot, b);
  return Src::write(cpu, op, a);
}

template <class T>
inline T byte_swapped(T value) {
  if constexpr (sizeof(T) == 2)
    return __builtin_bswap16(value);
  else if constexpr (sizeof(T) == 4)
    return __builtin_bswap32(value);
  else
    return __builtin_bswap64(value);
}

// Of a 16-bit register the manual leaves the result undefined; processors give 0.
template <class Dst>
inline bool bswap(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value;
  Dst::read(cpu, op, value);
  return Dst::write(cpu, op, sizeof(T) == 2 ? T{0} : byte_swapped(value));
}

template <class Dst, class Src>
inline bool movbe(Cpu& cpu, const Op& op) {
  typename Dst::Value value;
  return Src::read(cpu, op, value) && Dst::write(cpu, op, byte_swapped(value));
}

// The instructions that a condition makes sixteen of: CMOVcc, SETcc and, in cpu/exec/control, Jcc.
template <Condition condition>
struct If {
  // The source is read, and a 32-bit destination zero-extended, whether or not the condition holds.
  template <class Dst, class Src>
  static bool move(Cpu& cpu, const Op& op) {
    typename Dst::Value a, b;
    if (!Src::read(cpu, op, b)) [[unlikely]]
      return false;
    Dst::read(cpu, op, a);
    return Dst::write(cpu, op, is_met<condition>(cpu.flags) ? b : a);
  }
  template <class Dst>
  static bool set(Cpu& cpu, const Op& op) {
    return Dst::write(cpu, op, is_met<condition>(cpu.flags) ? 1 : 0);
  }
  template <class>
  static bool jump(Cpu& cpu, const Op&) {
    return is_met<condition>(cpu.flags);
  }
};

// CBW, CWDE, CDQE: the accumulator's lower half sign-extended to `To`.
template <class From, class To>
inline void widen_accumulator(Cpu& cpu) {
  const To value = static_cast<To>(alu::extend(static_cast<From>(cpu.gpr[RAX])));
  if constexpr (sizeof(To) == 2)
    cpu.reg<u16>(reg::of(RAX)) = value;
  else
    cpu.gpr[RAX] = value;
}
// CWD, CDQ, CQO: rDX filled with the accumulator's sign.
template <class T>
inline void spread_sign(Cpu& cpu) {
  const T value = static_cast<T>(alu::extend(static_cast<T>(cpu.gpr[RAX])) >> 63);
  if constexpr (sizeof(T) == 2)
    cpu.reg<u16>(reg::of(RDX)) = value;
  else
    cpu.gpr[RDX] = value;
}
inline bool cbw(Cpu& cpu, const Op&) { return widen_accumulator<u8, u16>(cpu), true; }
inline bool cwde(Cpu& cpu, const Op&) { return widen_accumulator<u16, u32>(cpu), true; }
inline bool cdqe(Cpu& cpu, const Op&) { return widen_accumulator<u32, u64>(cpu), true; }
inline bool cwd(Cpu& cpu, const Op&) { return spread_sign<u16>(cpu), true; }
inline bool cdq(Cpu& cpu, const Op&) { return spread_sign<u32>(cpu), true; }
inline bool cqo(Cpu& cpu, const Op&) { return spread_sign<u64>(cpu), true; }

// Table look-up: AL becomes the byte at rBX + AL.
inline bool xlat(Cpu& cpu, const Op& op) {
  const u64 offset = (cpu.gpr[RBX] + static_cast<u8>(cpu.gpr[RAX])) & address_mask(op);
  const SegReg seg = static_cast<SegReg>(op.seg);
  u64 linear;
  u8 value;
  if (!linearize(cpu, seg, offset, 1, AccessKind::read, linear) || !load(cpu, linear, value, seg))
    return false;
  cpu.reg<u8>(reg::of(RAX)) = value;
  return true;
}

}  // namespace ringside
