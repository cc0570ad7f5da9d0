// Owns the comparison of a machine with a foreign emulator that runs the same guest.
#pragma once

#include "frontend/differ/lockstep.h"
#include "frontend/differ/peer.h"

namespace ringside {

// Runs the machine, which has one CPU and stands at its beginning, and the peer for `most` steps of the
// debugger or to the machine's end. A step is an instruction, or the delivery of an exception that it raises.
// Both are compared where the same code is reached for the same time, after more and more steps: registers,
// and RAM that has changed here. A difference is looked for by halves and then step by step; there the bytes
// that an instruction names or pushes are compared, too. What right processors may do differently is taken
// over from the peer, and counted in the result's remarks. `goes_on` is asked between; false: enough. A peer
// that fails is the result's failure.
//
// Missed is: RAM that only the peer has changed; a difference that has gone again before the next comparison.
// What handlers of interrupts write is not judged, and what is different after the first interrupt without an
// instruction that wrote it becomes the peer's.
//
// `direct`: the machine has started a kernel without firmware. The peer is run to the kernel's entry, the
// machine takes its low memory, what is loaded, and registers from there, and a register that differs still
// is not judged before it has been the same once. So it is with `from`, a linear address, where the
// comparison begins when the code there is reached for the first time.
//
// A guest that waits in a loop for a device or a clock goes round it another number of times with each
// emulator. They are compared behind it, and what the loop has counted is taken over from the peer. Who has
// not left it after `longest_wait` steps waits for ever.
Comparison run_alongside(Machine& machine, Peer& peer, u64 most, const Symbols* symbols, bool direct,
                         const std::function<bool()>& goes_on = {}, std::optional<u64> from = {},
                         u64 longest_wait = 4'000'000);

}  // namespace ringside
