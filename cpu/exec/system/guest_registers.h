// Owns the declarations of what a guest's instructions read and write of control registers and MSRs: the
// manual's "Changes to Instruction Behavior in VMX Non-Root Operation". All are called in VMX non-root
// operation only: bodies look at cpu.non_root first.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// Whole instructions, after their privilege checks, as bodies return.
bool guest_clts(Cpu& cpu, const Op& op);
bool guest_lmsw(Cpu& cpu, const Op& op, u16 source, bool memory);
u64 guest_machine_status(const Cpu& cpu);  // what SMSW reads
// `gpr`: offset of the register operand.
bool guest_mov_to_cr(Cpu& cpu, const Op& op, unsigned number, u64 value, u8 gpr);
bool guest_mov_from_cr(Cpu& cpu, const Op& op, unsigned number, u8 gpr, u64& value);
bool guest_rdmsr(Cpu& cpu, const Op& op);
bool guest_wrmsr(Cpu& cpu, const Op& op);

}  // namespace ringside
