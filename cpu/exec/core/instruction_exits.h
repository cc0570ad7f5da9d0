// Owns the declarations of what instructions do otherwise in VMX non-root operation: the manual's "Changes to
// Instruction Behavior in VMX Non-Root Operation", and the VM exits that need more than one control. All are
// called in VMX non-root operation only: bodies look at cpu.non_root first.
#pragma once

#include "cpu/exec/core/privilege.h"
#include "vmx/exit_info.h"

namespace ringside {

// The VM exit that the instruction's row names, with its length and the information that it records. Without
// a qualification: the displacement, of instructions that record information, else 0. Always false, so that a
// body can return it.
bool request_row_exit(Cpu& cpu, const Op& op, const ExitCause& cause, u64 qualification);
bool request_row_exit(Cpu& cpu, const Op& op, const ExitCause& cause = {});

// Functions named ...exits return true if a VM exit is on its way: the body has to return false.

// By the row: always, or if its control is 1. Never where the row says that it depends: then the body asks.
bool exits_by_row(Cpu& cpu, const Op& op);
bool exits_by_row(Cpu& cpu, const Op& op, u64 qualification);
// The row's privilege and then its VM exit, in either operation. False: the body has to return false.
inline bool permitted(Cpu& cpu, const Op& op) {
  return has_privilege(cpu, op) && !(cpu.non_root && exits_by_row(cpu, op));
}

bool port_exits(Cpu& cpu, const Op& op, u16 port, unsigned size, bool in, bool immediate);
// INS and OUTS; `offset` of the memory operand in segment `seg`, which is not checked before the exit.
bool string_port_exits(Cpu& cpu, const Op& op, u16 port, unsigned size, bool in, SegReg seg, u64 offset);
// Before privilege and CR4.DE are looked at. `gpr`: offset of the register operand.
bool debug_register_exits(Cpu& cpu, const Op& op, unsigned number, bool from, u8 gpr);
bool pause_exits(Cpu& cpu, const Op& op);

// Instructions that are #UD unless a control enables them. False: #UD is raised.
bool rdtscp_enabled(Cpu& cpu);
bool invpcid_enabled(Cpu& cpu);
bool user_wait_enabled(Cpu& cpu);  // UMONITOR, UMWAIT, TPAUSE
// XSAVES and XRSTORS: #UD, or the exit; #NM comes later. False: the body has to return false.
bool may_use_supervisor_states(Cpu& cpu, const Op& op);

}  // namespace ringside
