// Owns a CPU's loop over guests: in with one, out for an exit, on with another.
#pragma once

#include "roms/kit/types.h"

namespace loft {

struct Domain;

// Interrupts the guest on that CPU, or its sleep, so that it looks at what has changed.
void kick(kit::u32 processor);
// Kicks one CPU that is idle or runs somebody of a lower rank.
void kick_for(int rank);
// Does a CPU run one of its virtual CPUs, or is about to leave it?
bool runs_somewhere(const Domain& domain);
// Waits until no CPU runs the domain with TLB entries from before its last unmapping.
void flush_everywhere(Domain& domain);

}  // namespace loft
