// Owns the debug registers' side of events: instruction breakpoints, single step, what #DB records.
#include "cpu/exec/core/block.h"
#include "cpu/exec/core/debug_traps.h"
#include "cpu/exec/core/last_branches.h"
#include "cpu/exec/events/deliver.h"

namespace ringside {
namespace {

u64 code_linear(const Cpu& cpu) {
  return cpu.mode.bits64 ? cpu.rip : static_cast<u32>(cpu.segment[CS].base + cpu.rip);
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

bool single_step_due(const Cpu& cpu) {
  if (!(cpu.msr.debugctl & DebugControl::BTF) || !cpu.engine) return true;
  return branch_taken(cpu) != Branch::no_branch;
}

void after_alone(Cpu& cpu, bool trap_flag_before, u8 shadow_before) {
  // Two MOV SS or STI in a row protect only the instruction after the first.
  cpu.interrupt_shadow &= static_cast<u8>(~shadow_before);
  if (!cpu.interrupt_shadow) cpu.attention &= ~Attention::shadow;
  const bool consumed = cpu.step_consumed;
  cpu.step_consumed = false;
  // MOV SS and POP SS suppress their own single step: if TF is still set, the next instruction has one.
  const bool suppressed = cpu.interrupt_shadow & Shadow::mov_ss;
  if (trap_flag_before && !consumed && !suppressed && single_step_due(cpu)) raise_debug_trap(cpu, Dr6::BS);
  if (cpu.pending_debug) cpu.attention |= Attention::trap;
}

void record_debug_exception(Cpu& cpu, u64 dr6_bits) {
  constexpr u64 conditions = Dr6::B0 | Dr6::B1 | Dr6::B2 | Dr6::B3;
  cpu.dr6 =
      (cpu.dr6 & ~conditions) | (dr6_bits & (conditions | Dr6::BD | Dr6::BS | Dr6::BT)) | Dr6::fixed_one;
  cpu.dr7 &= ~Dr7::GD;
  const bool recorded = records_branches(cpu);
  cpu.msr.debugctl &= ~(DebugControl::BTF | DebugControl::LBR);
  if (recorded) cpu.update_debug();
}

}  // namespace ringside
