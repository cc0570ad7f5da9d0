// Owns the questions whether an event on its way leaves the guest, and what the VM exit says of it and of the
// event that was being delivered: the manual's "Other Causes of VM Exits", "Information for VM Exits Due to
// Vectored Events" and "Information for VM Exits That Occur During Event Delivery". Everything here is called
// in VMX non-root operation only. An exit that is wanted is left in cpu.vmx->exit; nobody takes it here.
#pragma once

#include "vmx/vmx.h"

namespace ringside {

// An event's delivery begins: a VM exit until vmx->vectoring is cleared tells of it. `length`: of the
// instruction behind a software interrupt or exception. `flags`: the EFLAGS image that will be saved.
void begin_vectoring(Cpu& cpu, const Event& event, u32 length = 0);
void begin_vectoring(Cpu& cpu, const Fault& fault, u64 flags);

// True if `fault` leaves the guest: by the second stage or by the exception bitmap. `flags`: the EFLAGS image
// that its delivery would save. `accessing_length`: bytes of the instruction whose access faulted, 0 for a
// fetch. A convertible EPT violation becomes a virtualization exception in `fault`.
bool exits_by_fault(Cpu& cpu, Fault& fault, u64 flags, u32 accessing_length);
// A double fault that cannot be delivered.
void exit_by_triple_fault(Cpu& cpu);
// Adds to an exit that an instruction or a delivery asked for what the asker did not know: the event that was
// being delivered, the length of an accessing instruction, and RF of the guest that is saved.
void complete_exit(Cpu& cpu, u32 accessing_length);

// INT1, INT3 and INTO by the exception bitmap; INT n never exits so.
bool software_exception_exits(const Cpu& cpu, const Event& event, u32 length, ExitInfo& exit);

// Who asks for a task switch: the numbers of the exit qualification's bits 31:30.
enum class TaskSwitchSource : u8 { call = 0, iret = 1, jump = 2, task_gate_in_idt = 3 };
// `return_rip`: what follows the instruction; 0 for a task gate in the IDT.
ExitInfo task_switch_exit(Cpu& cpu, u16 selector, TaskSwitchSource source, u64 return_rip);

}  // namespace ringside
