// Owns the debug registers' side of events: instruction and I/O breakpoints, single step, what #DB records.
#include "cpu/exec/core/block.h"
#include "cpu/exec/events/deliver.h"
#include "cpu/state/debug_breakpoint.h"

namespace ringside {
namespace {

constexpr u64 branch_trap = bit(1);  // IA32_DEBUGCTL.BTF
constexpr u64 last_branch = bit(0);  // IA32_DEBUGCTL.LBR

u64 code_linear(const Cpu& cpu) {
  return cpu.mode.bits64 ? cpu.rip : static_cast<u32>(cpu.segment[CS].base + cpu.rip);
}

// The bits B0 to B3 of the enabled breakpoints of one kind that meet a range of addresses.
u64 breakpoints_met(const Cpu& cpu, DebugBreakpoint::Kind kind, u64 address, unsigned size) {
  u64 met = 0;
  for (unsigned n = 0; n < 4; ++n) {
    const DebugBreakpoint b = debug_breakpoint(cpu, n);
    if (b.enabled && b.kind == kind && b.meets(address, size)) met |= bit(n);
  }
  return met;
}

}  // namespace

bool check_instruction_breakpoint(Cpu& cpu) {
  const bool resumed = cpu.flag(Eflags::RF);
  cpu.system_flags &= ~Eflags::RF;
  if (resumed || (cpu.interrupt_shadow & Shadow::mov_ss)) return true;
  const u64 met = breakpoints_met(cpu, DebugBreakpoint::execution, code_linear(cpu), 1);
  if (!met) return true;
  cpu.raise(Vector::DB, 0, met);
  return false;
}

u64 io_breakpoints_met(const Cpu& cpu, u16 port, unsigned size) {
  return cpu.cr4 & Cr4::DE ? breakpoints_met(cpu, DebugBreakpoint::input_output, port, size) : 0;
}

bool single_step_due(const Cpu& cpu) {
  if (!(cpu.msr.debugctl & branch_trap) || !cpu.engine) return true;
  // With BTF only branches that were taken trap.
  const Op& op = cpu.engine->solo[0];
  return op.row < row_count && rows()[op.row].kind != Kind::plain && cpu.rip != cpu.following_rip(op);
}

void record_debug_exception(Cpu& cpu, u64 dr6_bits) {
  constexpr u64 conditions = Dr6::B0 | Dr6::B1 | Dr6::B2 | Dr6::B3;
  cpu.dr6 =
      (cpu.dr6 & ~conditions) | (dr6_bits & (conditions | Dr6::BD | Dr6::BS | Dr6::BT)) | Dr6::fixed_one;
  cpu.dr7 &= ~Dr7::GD;
  cpu.msr.debugctl &= ~(branch_trap | last_branch);
}

}  // namespace ringside
