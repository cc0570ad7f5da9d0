// Owns the declaration of the act of VM entry.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// VMLAUNCH or VMRESUME after entry_preconditions(): checks, loads the guest and delivers what the entry
// injects, or sets the flags of VMfail, or leaves the host's state where the entry failed late. To be
// returned by a body of kind boundary: true, with cpu.next_rip where it goes on; false if a VM exit or a
// fault is on its way.
bool enter_and_inject(Cpu& cpu, bool launch);

}  // namespace ringside
