// Owns the wait for an x87 error that is reported outside the processor.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// "MS-DOS Compatibility Sub-mode" (CR0.NE = 0): a waiting instruction finds an error pending. FERR# is
// asserted; without IGNNE# the processor freezes in front of the instruction until an interrupt comes, as if
// it were halted there. True: it is frozen, and nothing was done.
[[gnu::cold, gnu::noinline]] bool frozen_by_error(Cpu& cpu);

}  // namespace ringside
