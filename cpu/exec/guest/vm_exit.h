// Owns the declaration of the act of a VM exit.
#pragma once

#include "cpu/exec/events/events.h"

namespace ringside {

// Performs cpu.vmx->exit at cpu.rip: the state rewritten, the counts kept, observers told.
void take_vm_exit(Cpu& cpu);
// The same, if the delivery of an event came to that.
inline void take_exit_of(Cpu& cpu, Outcome outcome) {
  if (outcome == Outcome::exit) take_vm_exit(cpu);
}
// The instruction at cpu.rip ended with ChainEnd::exit: its VM exit is completed and performed.
void take_requested_exit(Cpu& cpu);

}  // namespace ringside
