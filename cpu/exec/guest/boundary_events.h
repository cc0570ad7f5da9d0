// Owns the declarations of how each event of the instruction boundary is taken: in root operation through the
// IDT, in VMX non-root operation as the guest's controls say. Their order, and what holds each back, is the
// table in boundary_table.h.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// An event waits and nothing holds it back. True: it was delivered, or a VM exit was made; either counts as
// one instruction. False: it changed the state or was dropped, and less urgent events have their turn.
bool take_init(Cpu& cpu);
bool take_apic_trap(Cpu& cpu);
bool take_start_up(Cpu& cpu);
bool take_monitor_trap(Cpu& cpu);
bool take_debug_trap(Cpu& cpu);
bool take_preemption_timer(Cpu& cpu);
bool take_nmi_window(Cpu& cpu);
bool take_nmi(Cpu& cpu);
bool take_interrupt_window(Cpu& cpu);
bool take_virtual_interrupt(Cpu& cpu);
bool take_external_interrupt(Cpu& cpu);
bool take_virtual_interrupt_fault(Cpu& cpu);

// Into the active state.
void wake(Cpu& cpu);

}  // namespace ringside
