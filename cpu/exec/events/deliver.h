// Owns the parts of event delivery: one function for each way that a mode takes an event.
#pragma once

#include "cpu/exec/events/events.h"
#include "cpu/exec/events/frame.h"
#include "cpu/exec/events/transfer.h"

namespace ringside {

// An event on its way to the handler.
struct Delivery {
  Event event;
  u64 return_rip = 0;
  u64 flags = 0;  // the EFLAGS image to be saved

  // INT n, INT3 and INTO are held to the gate's DPL; INT1 is not.
  bool checks_gate_privilege() const {
    return event.type == EventType::software_interrupt || event.type == EventType::software_exception;
  }
  // Bit 0 of error codes of faults on the way: set for all but INT n, INT3 and INTO.
  u32 ext() const { return checks_gate_privilege() ? 0 : 1; }
};

// #GP, #NP with the vector as selector of the IDT. Always false.
inline bool refuse_vector(Cpu& cpu, Vector v, u8 vector) {
  cpu.raise(v, vector * 8u + 2);
  return false;
}

bool deliver_in_real_address_mode(Cpu& cpu, const Delivery& d);
bool deliver_in_protected_mode(Cpu& cpu, const Delivery& d);
bool deliver_in_ia32e_mode(Cpu& cpu, const Delivery& d);

// INT n in virtual-8086 mode: by IOPL and, with CR4.VME, by the redirection bitmap of the TSS.
// `injected` by a VM entry: IOPL does not count.
bool software_interrupt_in_virtual_8086_mode(Cpu& cpu, const Delivery& d, bool injected = false);

// For observers and branch records: the handler of an event, or of a fault, was entered.
void tell_entered(Cpu& cpu, const Event& event, u64 from);
void tell_entered(Cpu& cpu, const Fault& fault, u64 from);

// Any of the above by mode; adds EXT to the error code of a fault. False: cpu.chain_end is fault or exit (or
// alone, unless cpu.alone).
bool deliver(Cpu& cpu, const Delivery& d);

// What deliver() and its parts came to, by what they returned and cpu.chain_end; a VM exit is completed.
Outcome outcome_of(Cpu& cpu, bool delivered);

// The rest of a delivery that came to `outcome`: its faults, and theirs. `first`: the hardware exception that
// was delivered; nullptr: an event that counts as benign, or none. Never `fault`.
Outcome finish_delivery(Cpu& cpu, Outcome outcome, const Vector* first);

// Delivers an interrupt or trap at cpu.rip; if that faults, the fault, and so on. Never `fault`.
Outcome deliver_or_chain(Cpu& cpu, const Event& event);

// What a #DB leaves in DR6, DR7 and IA32_DEBUGCTL.
void record_debug_exception(Cpu& cpu, u64 dr6_bits);

// Whether the instruction that ran with TF set is followed by a single-step trap: with BTF only branches are.
bool single_step_due(const Cpu& cpu);

// The code segment of an IDT gate: #GP, #NP; `cpl` is the handler's. Sets the accessed bit.
bool check_handler_segment(Cpu& cpu, u16 selector, Descriptor& code, u8& cpl);

}  // namespace ringside
