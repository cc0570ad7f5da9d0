// Owns the delivery of interrupts and exceptions, and what surrounds an instruction that somebody watches.
#pragma once

#include <string>

#include "cpu/arch/event.h"
#include "cpu/state/cpu.h"

namespace ringside {

// What became of an event on its way to its handler. Nothing here takes a VM exit: it is asked for, and
// guest/ takes it.
enum class Outcome : u8 {
  delivered,  // cpu.rip is the handler's first instruction
  fault,      // a fault on the way: cpu.fault; the state is as before
  exit,       // a VM exit on the way, or in place of it: cpu.vmx->exit, complete
  again,      // nothing was delivered, and nothing has changed: the instruction comes again
  shutdown,   // a triple fault outside VMX non-root operation
};

// Delivers one event through the IDT (or the real-mode IVT, or virtual-8086 redirection), saving
// `return_rip`. Never `again` or `shutdown`. The manual's "Interrupt and Exception Handling" and "Interrupt
// and Exception Handling in 64-bit Mode".
Outcome deliver_event(Cpu& cpu, const Event& event, u64 return_rip);

// Delivers cpu.fault at cpu.rip, with double faults and shutdown (MachineControl::reset is not called; the
// CPU enters Activity::shutdown and shutdown_reason() says why). Sets CR2, DR6, RF as the exception asks.
// Never `fault`.
Outcome deliver_fault(Cpu& cpu);

// The chain of exceptions that ended in shutdown, in words; empty if the CPU is not shut down.
std::string shutdown_reason(const Cpu& cpu);
// The exceptions that led to the last shutdown or triple-fault VM exit, with where each arose.
std::string exception_chain(const Cpu& cpu);

// INT n, INT3, INTO, INT1 with their privilege checks; called by bodies of kind boundary. The target is left
// in cpu.next_rip. `length` is the instruction's in bytes, which a VM exit tells. False: faulted.
bool software_interrupt(Cpu& cpu, EventType type, u8 vector, u64 return_rip, unsigned length = 0);

// Before an instruction runs alone: instruction breakpoints (DR0-3). False: a fault is in cpu.fault.
bool check_instruction_breakpoint(Cpu& cpu);
// After an instruction ran alone: TF's single step, data breakpoints hit, end of a shadow that was there
// before.
void after_alone(Cpu& cpu, bool trap_flag_before, u8 shadow_before);

}  // namespace ringside
