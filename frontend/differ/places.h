// Owns the choice of places of a guest's way to which two emulators can be sent, and the recognition of loops
// in which it waits: two right emulators may go round those more or less often.
#pragma once

#include <optional>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// In a trace of linear addresses, for a CPU that is halted: where a peer is then is not seen.
constexpr u64 no_address = ~u64{0};

// Where both can be sent: the code at `address` is reached for the `hits`-th time since the point before; or
// the peer takes so many steps of its own.
struct Point {
  u64 address = 0, hits = 0;
  u64 steps = 0;  // of the own side
  bool by_steps = false, asleep = false;
  bool in_handler = false;  // of an interrupt, behind its first instruction
};

// The best point of trace[from + 1] to trace[end - 1], counted from `from`: late, and not reached too often
// before. Without one its steps are 0.
Point choose_point(const std::vector<u64>& trace, u64 from, u64 end);

struct WaitingLoop {
  u64 first = 0, last = 0;  // linear addresses of its lowest and its highest instruction
  u64 instructions = 0;     // different ones
  u64 steps = 0;            // at the trace's end that are in it
};

// The loop in which the last addresses of a trace are; none: they are too many, or the same ones have not
// come often enough, for a guest that waits.
std::optional<WaitingLoop> waiting_loop(const std::vector<u64>& trace);

}  // namespace ringside
