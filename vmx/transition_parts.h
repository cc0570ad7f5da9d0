// Owns the declarations of what VM entries and VM exits share: host state, MSR lists, the VMX abort.
#pragma once

#include "vmx/transitions.h"

namespace ringside {

// Bits of CR0 that neither entries nor exits change.
constexpr u64 cr0_kept = ~(Cr0::PE | Cr0::MP | Cr0::EM | Cr0::TS | Cr0::NE | Cr0::WP | Cr0::AM | Cr0::PG);

// Of the pending debug exceptions in the guest's non-register state.
constexpr u64 enabled_breakpoint = bit(12);
// Of the interruptibility state there.
constexpr u64 block_by_sti = bit(0), block_by_mov_ss = bit(1), block_by_nmi = bit(3);

// Something asks for what Cpu::update_debug derives.
inline bool is_debugged(const Cpu& cpu) {
  return (cpu.dr7 & Dr7::enabled) || (cpu.system_flags & Eflags::TF) ||
         (cpu.msr.debugctl & DebugControl::LBR) || cpu.observed;
}

// What every transition derives at its end, after registers were replaced: mode, privilege, debugging.
// `debugged`: whether the side that was left was.
void finish_transition(Cpu& cpu, bool debugged);

// The manual's "Loading Host State", with the MSR list. False: VMX abort.
bool load_host(Cpu& cpu, const Vmcs& vmcs);
// Writes the indicator and shuts the CPU down. Always false.
bool vmx_abort(Cpu& cpu, const Vmcs& vmcs, VmxAbort why);

// The lists of MSRs: `count` entries of 16 bytes. The number of the entry that failed, counted from 1; 0:
// none did. An entry beyond the recommended length of a list fails.
unsigned load_msr_list(Cpu& cpu, HostPhys list, u32 count);
unsigned store_msr_list(Cpu& cpu, HostPhys list, u32 count);

}  // namespace ringside
