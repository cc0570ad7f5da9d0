// Owns the virtual APIC of a guest: what reads and writes of it become, and virtual interrupts. The manual's
// "APIC Virtualization and Virtual Interrupts". Its state is the virtual-APIC page in memory and the guest
// interrupt status; everything here is called in VMX non-root operation only, except begin and end.
#pragma once

#include "vmx/vmx.h"

namespace ringside {

// At VM entry, after the controls were taken: the guest interrupt status, the APIC-access page, the first
// evaluation of virtual interrupts, and the TPR threshold.
void begin_apic_virtualization(Cpu& cpu);
// At VM exit: writes the guest interrupt status back.
void end_apic_virtualization(Cpu& cpu);

// -- CR8: bits 7:4 of the virtual task-priority register.

u8 virtual_task_priority(const Cpu& cpu);
void set_virtual_task_priority(Cpu& cpu, u8 priority);  // 0 to 15

// -- Memory. `offset` in the APIC-access page; an access is served by the same offset of the virtual-APIC
// page, or exits.

bool apic_read_virtualized(const Cpu& cpu, u32 offset, unsigned size);
bool apic_write_virtualized(const Cpu& cpu, u32 offset, unsigned size);
// "APIC-Write Emulation", after the data was written to the virtual-APIC page.
void emulate_apic_write(Cpu& cpu, u32 offset);
// The exit of an access that is not served. `linear`: it is the translation of a linear address; else an
// access on the way of one.
ExitInfo apic_access_exit(const Cpu& cpu, u32 offset, AccessKind kind, bool linear);

// -- MSRs 0x800 to 0x8ff: "Virtualizing MSR-Based APIC Accesses".

enum class MsrAccess : u8 { done, refused /* #GP(0) */, ordinary /* not virtualized */ };
MsrAccess read_virtual_x2apic(Cpu& cpu, u32 number, u64& value);
MsrAccess write_virtual_x2apic(Cpu& cpu, u32 number, u64 value);

// -- Virtual interrupts.

// One is recognized; EFLAGS.IF and blocking by STI and MOV SS are the boundary's to look at.
inline bool virtual_interrupt_recognized(const Cpu& cpu) { return cpu.vmx->virtual_interrupt_pending; }
// "Virtual-Interrupt Delivery": moves the vector into service and returns it.
u8 acknowledge_virtual_interrupt(Cpu& cpu);
// "Posted-Interrupt Processing" of an acknowledged external interrupt. False: it is not the notification.
bool process_posted_interrupts(Cpu& cpu, u8 vector);

// The trap-like VM exit that waits, if there is one; it waits no longer.
bool take_trap_exit(Cpu& cpu, ExitInfo& exit);

}  // namespace ringside
