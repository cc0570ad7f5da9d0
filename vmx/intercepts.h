// Owns the questions whether an instruction of the guest causes a VM exit, and what the exit's qualification
// says: the manual's "Instructions That Cause VM Exits" and "Changes to Instruction Behavior in VMX Non-Root
// Operation". Nothing here executes anything. All are asked in VMX non-root operation only, after the checks
// that have priority over the exit ("Relative Priority of Faults and VM Exits").
#pragma once

#include "vmx/vmx.h"

namespace ringside {

// -- Ports. `size`: 1, 2 or 4 bytes.

bool io_exits(const Cpu& cpu, u16 port, unsigned size, ExitCause& cause);
struct IoAccess {
  u16 port = 0;
  unsigned size = 1;
  bool in = false, string = false, repeated = false, immediate = false;
};
u64 io_qualification(const IoAccess& access);

// -- Model-specific registers.

bool msr_exits(const Cpu& cpu, u32 number, bool write, ExitCause& cause);
// XSAVES and XRSTORS: `components` is EDX:EAX.
bool xss_exits(const Cpu& cpu, u64 components, ExitCause& cause);

// -- Control registers.

enum class CrAccess : u8 { to_cr = 0, from_cr = 1, clts = 2, lmsw = 3 };
// `gpr` is the number of the other operand; 0 for CLTS and LMSW.
u64 control_register_qualification(unsigned cr, CrAccess access, unsigned gpr);
u64 lmsw_qualification(bool memory, u16 source);
u64 debug_register_qualification(unsigned dr, bool from, unsigned gpr);

bool cr0_load_exits(const Cpu& cpu, u64 value, ExitCause& cause);
bool cr3_load_exits(const Cpu& cpu, u64 value, ExitCause& cause);
bool cr4_load_exits(const Cpu& cpu, u64 value, ExitCause& cause);
bool lmsw_exits(const Cpu& cpu, u16 source, ExitCause& cause);
// CLTS: clears TS, leaves it alone, or exits.
enum class Clts : u8 { clears, ignored, exits };
Clts clts_effect(const Cpu& cpu, ExitCause& cause);

// What the guest reads (MOV from CR, SMSW), and what its writes become: bits under the guest/host mask come
// from the read shadow, and stay as they are.
u64 guest_view_of_cr0(const Cpu& cpu);
u64 guest_view_of_cr4(const Cpu& cpu);
u64 written_by_guest(u64 value, u64 present, u64 mask);

// "Restrictions on VMX Operation": false is #GP(0) for a MOV to CR0 (or LMSW), CR4. True outside VMX
// operation.
bool cr0_allowed_in_vmx(const Cpu& cpu, u64 value);
bool cr4_allowed_in_vmx(const Cpu& cpu, u64 value);

// -- Others.

// PAUSE at time-stamp counter `now`; notes the time for PAUSE-loop exiting.
bool pause_exits(Cpu& cpu, u64 now, ExitCause& cause);

// Fills the controls that only intercepts and APIC virtualization look at, at VM entry.
void load_intercept_controls(ActiveControls& controls, const Vmcs& vmcs);

}  // namespace ringside
