// Owns the bodies of the general-purpose instructions: moves, arithmetic, logic.
#pragma once

#include "cpu/exec/operands.h"

namespace ringside {

template <class Dst, class Src>
inline bool add(Cpu& cpu, const Op& op) {
  typename Dst::Value a, b;
  typename Dst::Slot slot;
  if (!Src::read(cpu, op, b) || !Dst::open(cpu, op, a, slot)) [[unlikely]]
    return false;
  Dst::commit(cpu, op, slot, alu::add(cpu.flags, a, b));
  return true;
}

template <class Dst, class Src>
inline bool mov(Cpu& cpu, const Op& op) {
  typename Dst::Value value;
  return Src::read(cpu, op, value) && Dst::write(cpu, op, value);
}

template <class Dst, class Src>
inline bool movzx(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  return Src::read(cpu, op, value) && Dst::write(cpu, op, static_cast<typename Dst::Value>(value));
}

template <class Dst, class Address>
inline bool lea(Cpu& cpu, const Op& op) {
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(Address::offset(cpu, op)));
}

inline bool nop(Cpu&, const Op&) { return true; }

}  // namespace ringside
