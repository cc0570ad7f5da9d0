// Owns the bodies of LLDT, LTR, SLDT, STR, LAR, LSL, VERR, VERW and ARPL.
#pragma once

#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/segments.h"

namespace ringside {

// #UD in real-address and virtual-8086 mode.
bool in_segmented_mode(Cpu& cpu);

bool load_local_descriptor_table(Cpu& cpu, u16 selector);
bool load_task_register(Cpu& cpu, u16 selector);

struct Looked {
  bool valid = false;  // what ZF becomes
  u32 value = 0;
};
// False only if the descriptor table itself could not be read.
bool look_up_access_rights(Cpu& cpu, u16 selector, Looked& result);
bool look_up_limit(Cpu& cpu, u16 selector, Looked& result);
bool look_up_access(Cpu& cpu, u16 selector, bool write, Looked& result);

inline void set_zero_flag(Cpu& cpu, bool zero) {
  cpu.flags.set_image((cpu.flags.image() & ~Eflags::ZF) | (zero ? Eflags::ZF : 0));
}

template <auto load, class Src>
inline bool load_system_register(Cpu& cpu, const Op& op) {
  u16 selector;
  return in_segmented_mode(cpu) && permitted(cpu, op) && Src::read(cpu, op, selector) && load(cpu, selector);
}
template <SegReg reg, class Dst>
inline bool store_system_register(Cpu& cpu, const Op& op) {
  return in_segmented_mode(cpu) && permitted(cpu, op) &&
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
