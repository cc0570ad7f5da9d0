// Owns the bodies with a memory operand of their own kind: descriptor-table registers, INVLPG, INVPCID.
#pragma once

#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/core/privilege.h"
#include "cpu/state/msrs.h"

namespace ringside {

// A pseudo-descriptor: 16 bits of limit, then 32 or 64 bits of base.
bool store_pseudo_descriptor(Cpu& cpu, const Op& op, u64 linear, const Cpu::Table& table);
// With a 16-bit operand only 24 bits of the base count. #GP(0) for a base that is not canonical.
bool load_pseudo_descriptor(Cpu& cpu, const Op& op, u64 linear, Cpu::Table& table);

inline unsigned pseudo_descriptor_bytes(const Cpu& cpu) { return cpu.mode.bits64 ? 10 : 6; }

template <Cpu::Table Cpu::*table, class Address>
inline bool store_table(Cpu& cpu, const Op& op) {
  u64 linear;
  return permitted(cpu, op) &&
         Address::linear(cpu, op, pseudo_descriptor_bytes(cpu), AccessKind::write, linear) &&
         store_pseudo_descriptor(cpu, op, linear, cpu.*table);
}
template <Cpu::Table Cpu::*table, class Address>
inline bool load_table(Cpu& cpu, const Op& op) {
  u64 linear;
  return permitted(cpu, op) &&
         Address::linear(cpu, op, pseudo_descriptor_bytes(cpu), AccessKind::read, linear) &&
         load_pseudo_descriptor(cpu, op, linear, cpu.*table);
}
template <class Address>
constexpr auto sgdt = store_table<&Cpu::gdtr, Address>;
template <class Address>
constexpr auto sidt = store_table<&Cpu::idtr, Address>;
template <class Address>
constexpr auto lgdt = load_table<&Cpu::gdtr, Address>;
template <class Address>
constexpr auto lidt = load_table<&Cpu::idtr, Address>;

// Segment limits do not matter to INVLPG, only the base; an address that is not canonical names no page.
template <class Address>
inline bool invlpg(Cpu& cpu, const Op& op) {
  if (!has_privilege(cpu, op)) return false;
  u64 linear = Address::offset(cpu, op);
  if (!cpu.mode.bits64)
    linear = (linear + cpu.segment[op.seg].base) & 0xffffffff;
  else if (op.seg == FS || op.seg == GS)
    linear += cpu.segment[op.seg].base;
  if (cpu.non_root && exits_by_row(cpu, op, linear)) return false;
  if (cpu.mode.bits64 && !canonical_for_cpu(cpu, linear)) return true;
  cpu.mmu.invlpg(LinAddr(linear));
  return true;
}

bool invalidate_by_descriptor(Cpu& cpu, u64 type, const V128& descriptor);

template <class Type, class Source>
inline bool invpcid(Cpu& cpu, const Op& op) {
  typename Type::Value type;
  V128 descriptor;
  if (cpu.non_root && !invpcid_enabled(cpu)) return false;
  if (!permitted(cpu, op) || !Type::read(cpu, op, type)) return false;
  if (type > 3) return fail(cpu, Vector::GP);
  return Source::read(cpu, op, descriptor) && invalidate_by_descriptor(cpu, type, descriptor);
}

}  // namespace ringside
