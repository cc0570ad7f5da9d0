// Owns the walk through a guest's page tables, for whom the processor does not do it.
#pragma once

#include "roms/lodge/vm/machine.h"

namespace lodge {

struct Walk {
  bool present;
  u64 physical;                     // guest-physical
  bool writable, user, executable;  // what all levels allow
  u64* entry;                       // the last one; nullptr: there is no paging
};

// The manual's "4-Level Paging"; only what 64-bit guests and those without paging use is there. `accessed`:
// sets the accessed flags on the way, as the processor would.
Walk walk(VirtualCpu& cpu, u64 linear, bool accessed = false);

}  // namespace lodge
