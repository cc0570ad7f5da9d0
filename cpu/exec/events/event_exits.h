// Owns the declarations of how faults and events on their way turn into VM exits, and of what such an exit
// says of the event that was being delivered: the manual's "Information for VM Exits Due to Vectored Events"
// and "Information About NMI Unblocking Due to IRET". Everything here is called in VMX non-root operation
// only.
#pragma once

#include "cpu/exec/events/events.h"
#include "cpu/exec/events/task_switch.h"
#include "vmx/transitions.h"

namespace ringside {

// An event's delivery begins: a VM exit until vmx->vectoring is cleared tells of it. `flags`: the EFLAGS
// image that will be saved.
void begin_vectoring(Cpu& cpu, const Event& event, unsigned length = 0);
void begin_vectoring(Cpu& cpu, const Fault& fault, u64 flags);
// A software interrupt's or exception's. Where it faulted the record stays for the fault's own delivery.
void end_software_vectoring(Cpu& cpu, bool delivered);

// If `fault` is to leave the guest (by a request of the instruction, by the second stage or by the exception
// bitmap), makes the VM exit. `flags`: the EFLAGS image that its delivery would save. A convertible EPT
// violation becomes a virtualization exception in `fault`.
bool exit_by_fault(Cpu& cpu, Fault& fault, u64 flags);
void exit_by_triple_fault(Cpu& cpu);
// The part of exit_by_fault for a fault of kind vm_exit: what an instruction or a delivery asked for by
// request_exit.
void exit_by_request(Cpu& cpu);

// These ask for the exit as bodies do. True: one is on its way.
bool exit_by_software_exception(Cpu& cpu, EventType type, u8 vector, unsigned length);
// Always false.
bool exit_by_task_switch(Cpu& cpu, u16 selector, const TaskSwitch& source);

}  // namespace ringside
