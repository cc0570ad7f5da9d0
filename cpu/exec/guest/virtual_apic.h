// Owns the places where APIC virtualization enters the boundary of VMX non-root operation: the manual's "APIC
// Virtualization and Virtual Interrupts".
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// VM exits that follow an APIC access or a VM entry: TPR below threshold, APIC write, virtualized EOI. Less
// urgent than INIT, more urgent than all others. True: one was taken.
bool take_virtual_apic_exit(Cpu& cpu);
// Virtual-interrupt delivery. True: the event was delivered, or its delivery made a VM exit.
bool take_virtual_interrupt(Cpu& cpu);
// An external interrupt was acknowledged as `vector`. True: it was the notification of posted interrupts and
// those are processed; no VM exit follows.
bool takes_posted_interrupts(Cpu& cpu, u8 vector);

}  // namespace ringside
