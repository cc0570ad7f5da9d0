// Owns the declarations of what instructions do otherwise in VMX non-root operation: the manual's "Changes to
// Instruction Behavior in VMX Non-Root Operation", and the VM exits that need more than one control. All are
// called in VMX non-root operation only: bodies look at cpu.non_root first.
#pragma once

#include "cpu/state/cpu.h"
#include "vmx/exit_info.h"

namespace ringside {

// Functions named ...exits return true if a VM exit is on its way: the body has to return false.

bool port_exits(Cpu& cpu, const Op& op, u16 port, unsigned size, bool in, bool immediate);
// INS and OUTS; `offset` of the memory operand in segment `seg`, which is not checked before the exit.
bool string_port_exits(Cpu& cpu, const Op& op, u16 port, unsigned size, bool in, SegReg seg, u64 offset);
bool random_exits(Cpu& cpu, const Op& op, bool seed);
// LGDT, LIDT, SGDT, SIDT; LLDT, LTR, SLDT, STR.
bool table_access_exits(Cpu& cpu, const Op& op);
bool system_segment_exits(Cpu& cpu, const Op& op);
// Before privilege and CR4.DE are looked at. `gpr`: offset of the register operand.
bool debug_register_exits(Cpu& cpu, const Op& op, unsigned number, bool from, u8 gpr);
bool invlpg_exits(Cpu& cpu, const Op& op, u64 linear);
bool pause_exits(Cpu& cpu, const Op& op);
bool mwait_exits(Cpu& cpu, const Op& op);
bool user_wait_exits(Cpu& cpu, const Op& op, ExitReason reason);  // UMWAIT, TPAUSE

// Instructions that are #UD unless a control enables them. False: #UD is raised.
bool rdtscp_enabled(Cpu& cpu);
bool invpcid_enabled(Cpu& cpu);
bool user_wait_enabled(Cpu& cpu);  // UMONITOR, UMWAIT, TPAUSE
// XSAVES and XRSTORS: #UD, or the exit; #NM comes later. False: the body has to return false.
bool may_use_supervisor_states(Cpu& cpu, const Op& op, bool restore);
bool invpcid_exits(Cpu& cpu, const Op& op);

}  // namespace ringside
