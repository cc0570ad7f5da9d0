// Owns the bodies of near branches: loops, jumps, calls and returns.
#pragma once

#include "cpu/exec/core/address_size.h"
#include "cpu/exec/core/dispatch.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/core/stack.h"

namespace ringside {

// False: #GP(0) is raised. In 64-bit mode a near indirect branch must go to a canonical address, elsewhere
// inside CS's limit.
[[gnu::noinline]] bool check_near_target(Cpu& cpu, u64 target);
template <class A>
inline bool near_target_ok(Cpu& cpu, u64 target) {
  if constexpr (A::flat) {
    // Canonical with 48 bits is canonical with 57.
    if (static_cast<u64>(static_cast<s64>(target << 16) >> 16) == target) [[likely]]
      return true;
  }
  return check_near_target(cpu, target);
}

template <class>
inline bool jump_if_count_zero(Cpu& cpu, const Op& op) {
  return (cpu.gpr[RCX] & address_mask(op)) == 0;
}
// A taken branch to where it must not go leaves the count: the wrapper finds the same fault and raises it.
inline bool loop_if(Cpu& cpu, const Op& op, bool condition) {
  const u64 mask = address_mask(op);
  const u64 count = (cpu.gpr[RCX] - 1) & mask;
  const bool taken = count != 0 && condition;
  if (taken && (cpu.mode.limited || (op.attrs & OpAttr::operand16))) [[unlikely]] {
    u64 target = cpu.rip_base + target_offset(&op);
    if (!check_branch_target(cpu, op, target)) return true;
  }
  set_by_address_size(cpu, RCX, mask, count);
  return taken;
}
template <class>
inline bool loop(Cpu& cpu, const Op& op) {
  return loop_if(cpu, op, true);
}
template <class>
inline bool loop_while_zero(Cpu& cpu, const Op& op) {
  return loop_if(cpu, op, cpu.flags.zf());
}
template <class>
inline bool loop_while_not_zero(Cpu& cpu, const Op& op) {
  return loop_if(cpu, op, !cpu.flags.zf());
}

template <class>
inline bool jump(Cpu&, const Op&) {
  return true;
}
template <class Src>
inline bool jump_to(Cpu& cpu, const Op& op) {
  using A = std::conditional_t<sizeof(typename Src::Value) == 8, Flat, Legacy>;
  typename Src::Value target;
  if (!Src::read(cpu, op, target) || !near_target_ok<A>(cpu, target)) [[unlikely]]
    return false;
  cpu.next_rip = target;
  return true;
}

// The return address is pushed at the operand size, which in 64-bit mode is always 8 bytes.
template <class A, class>
inline bool call(Cpu& cpu, const Op& op) {
  const u64 back = cpu.following_rip(op);
  if constexpr (A::flat) return push_value<A, u64>(cpu, op, back);
  switch (op.size) {
    case 2: return push_value<A, u16>(cpu, op, static_cast<u16>(back));
    case 4: return push_value<A, u32>(cpu, op, static_cast<u32>(back));
    default: return push_value<A, u64>(cpu, op, back);
  }
}
template <class A, class Src>
inline bool call_to(Cpu& cpu, const Op& op) {
  using T = typename Src::Value;
  using Policy = std::conditional_t<sizeof(T) == 8, Flat, Legacy>;
  T target;
  if (!Src::read(cpu, op, target) || !near_target_ok<Policy>(cpu, target) ||
      !push_value<A, T>(cpu, op, static_cast<T>(cpu.following_rip(op)))) [[unlikely]]
    return false;
  cpu.next_rip = target;
  return true;
}

template <class A, class T>
inline bool return_near(Cpu& cpu, u64 release) {
  using Policy = std::conditional_t<sizeof(T) == 8, Flat, Legacy>;
  const u64 offset = stack_pointer<A>(cpu);
  T target;
  if (!load_stack<A, T>(cpu, offset, target) || !near_target_ok<Policy>(cpu, target)) [[unlikely]]
    return false;
  set_stack_pointer<A>(cpu, stack_offset<A>(cpu, offset + sizeof(T) + release));
  cpu.next_rip = target;
  return true;
}
template <class A, class T>
inline bool ret(Cpu& cpu, const Op&) {
  return return_near<A, T>(cpu, 0);
}
template <class A, class Release>
inline bool ret_and_release(Cpu& cpu, const Op& op) {
  return return_near<A, typename Release::Value>(cpu, static_cast<u16>(op.imm));
}

}  // namespace ringside
