// Owns the bodies of IN and OUT.
#pragma once

#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/io/io_permission.h"

namespace ringside {

template <class Dst>
inline bool in_port(Cpu& cpu, const Op& op, u16 port, bool immediate) {
  using T = typename Dst::Value;
  return io_allowed(cpu, port, sizeof(T)) &&
         !(cpu.non_root && port_exits(cpu, op, port, sizeof(T), true, immediate)) &&
         Dst::write(cpu, op, static_cast<T>(read_port(cpu, port, sizeof(T))));
}
template <class Src>
inline bool out_port(Cpu& cpu, const Op& op, u16 port, bool immediate) {
  using T = typename Src::Value;
  T value;
  if (!Src::read(cpu, op, value) || !io_allowed(cpu, port, sizeof(T)) ||
      (cpu.non_root && port_exits(cpu, op, port, sizeof(T), false, immediate)))
    return false;
  write_port(cpu, port, sizeof(T), static_cast<u32>(value));
  return true;
}

template <class Dst, class>
inline bool in_immediate(Cpu& cpu, const Op& op) {
  return in_port<Dst>(cpu, op, static_cast<u8>(op.imm), true);
}
template <class Dst, class>
inline bool in_dx(Cpu& cpu, const Op& op) {
  return in_port<Dst>(cpu, op, static_cast<u16>(cpu.gpr[RDX]), false);
}
template <class, class Src>
inline bool out_immediate(Cpu& cpu, const Op& op) {
  return out_port<Src>(cpu, op, static_cast<u8>(op.imm), true);
}
template <class, class Src>
inline bool out_dx(Cpu& cpu, const Op& op) {
  return out_port<Src>(cpu, op, static_cast<u16>(cpu.gpr[RDX]), false);
}

}  // namespace ringside
