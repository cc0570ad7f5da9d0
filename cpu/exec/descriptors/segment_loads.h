// Owns the bodies of MOV and POP of segment registers and of LES, LDS, LSS, LFS and LGS.
#pragma once

#include "cpu/exec/core/segments.h"
#include "cpu/exec/core/stack.h"

namespace ringside {

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

}  // namespace ringside
