// Owns the bodies of INS and OUTS, with and without a repeat prefix.
#pragma once

#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/io/io_permission.h"
#include "cpu/exec/string/repeat.h"

namespace ringside {

// A port read cannot be taken back: the store is known to succeed before it.
template <class T>
inline bool ins(Cpu& cpu, const Op& op) {
  const u16 port = static_cast<u16>(cpu.gpr[RDX]);
  u64 to;
  if (!io_allowed(cpu, port, sizeof(T)) ||
      (cpu.non_root &&
       string_port_exits(cpu, op, port, sizeof(T), true, ES, cpu.gpr[RDI] & address_mask(op))) ||
      !strings::destination(cpu, op, sizeof(T), AccessKind::write, to) ||
      !probe_write(cpu, to, sizeof(T), ES) ||
      !store(cpu, to, static_cast<T>(read_port(cpu, port, sizeof(T))), ES))
    return false;
  strings::advance<T>(cpu, op, RDI);
  return true;
}
template <class T>
inline bool outs(Cpu& cpu, const Op& op) {
  const u16 port = static_cast<u16>(cpu.gpr[RDX]);
  u64 from;
  T value;
  if (!io_allowed(cpu, port, sizeof(T)) ||
      (cpu.non_root && string_port_exits(cpu, op, port, sizeof(T), false, strings::source_segment(op),
                                         cpu.gpr[RSI] & address_mask(op))) ||
      !strings::source(cpu, op, sizeof(T), from) || !load(cpu, from, value, strings::source_segment(op)))
    return false;
  write_port(cpu, port, sizeof(T), value);
  strings::advance<T>(cpu, op, RSI);
  return true;
}
template <class T>
inline bool rep_ins(Cpu& cpu, const Op& op) {
  return strings::repeat<T, strings::Uses::destination, strings::Pace::port>(
      cpu, op, strings::no_bulk, [&] { return ins<T>(cpu, op); }, strings::never_ends);
}
template <class T>
inline bool rep_outs(Cpu& cpu, const Op& op) {
  return strings::repeat<T, strings::Uses::source, strings::Pace::port>(
      cpu, op, strings::no_bulk, [&] { return outs<T>(cpu, op); }, strings::never_ends);
}

}  // namespace ringside
