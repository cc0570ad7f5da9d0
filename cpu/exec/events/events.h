// Owns the delivery of interrupts and exceptions, and what surrounds an instruction that somebody watches.
#pragma once

#include <string>

#include "cpu/state/cpu.h"

namespace ringside {

// Types as the VM-entry interruption-information field numbers them.
enum class EventType : u8 {
  external_interrupt = 0,
  nmi = 2,
  hardware_exception = 3,
  software_interrupt = 4,             // INT n
  privileged_software_exception = 5,  // INT1
  software_exception = 6,             // INT3, INTO
};

struct Event {
  EventType type = EventType::hardware_exception;
  u8 vector = 0;
  bool has_error = false;
  u32 error = 0;
};

// Delivers one event through the IDT (or the real-mode IVT, or virtual-8086 redirection), saving
// `return_rip`. On success cpu.rip is the handler's first instruction. False: the delivery itself faulted;
// cpu.fault says how and the state is as before. The manual's "Interrupt and Exception Handling" and
// "Interrupt and Exception Handling in 64-bit Mode".
bool deliver_event(Cpu& cpu, const Event& event, u64 return_rip);

// Delivers cpu.fault at cpu.rip, with double faults and shutdown (MachineControl::reset is not called; the
// CPU enters Activity::shutdown and shutdown_reason() says why). Sets CR2, DR6, RF as the exception asks.
void deliver_fault(Cpu& cpu);

// The chain of exceptions that ended in shutdown, in words; empty if the CPU is not shut down.
std::string shutdown_reason(const Cpu& cpu);
// The exceptions that led to the last shutdown or triple-fault VM exit, with where each arose.
std::string exception_chain(const Cpu& cpu);

// INT n, INT3, INTO, INT1 with their privilege checks; called by bodies of kind leave. The target is left in
// cpu.next_rip. `length` is the instruction's in bytes, which a VM exit tells. False: faulted.
bool software_interrupt(Cpu& cpu, EventType type, u8 vector, u64 return_rip, unsigned length = 0);

// Before an instruction runs alone: instruction breakpoints (DR0-3). False: a fault is in cpu.fault.
bool check_instruction_breakpoint(Cpu& cpu);
// After an instruction ran alone: TF's single step, data breakpoints hit, end of a shadow that was there
// before.
void after_alone(Cpu& cpu, bool trap_flag_before, u8 shadow_before);

}  // namespace ringside
