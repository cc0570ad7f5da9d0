// Owns the declarations of what instruction boundaries in and out of VMX non-root operation share: which
// event may be taken, and its taking.
#pragma once

#include "cpu/exec/events/events.h"

namespace ringside {

bool interrupt_pending(const Cpu& cpu);
// Blocked by nothing that the CPU itself knows (an activity state is no matter here).
bool nmi_deliverable(const Cpu& cpu);
bool interrupt_deliverable(const Cpu& cpu);
bool trap_deliverable(const Cpu& cpu);
bool virtual_interrupt_due(const Cpu& cpu);

// Into the active state.
void wake(Cpu& cpu);
// Each takes its event through the IDT, or, in VMX non-root operation, to the VM exit that its delivery leads
// to.
void take_trap(Cpu& cpu);
void take_nmi(Cpu& cpu);
void take_interrupt(Cpu& cpu);
void take_virtual_interrupt_fault(Cpu& cpu);

}  // namespace ringside
