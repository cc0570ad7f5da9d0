// Owns the answer to "why is the event that waits not taken?": the table of the instruction boundary, asked
// of one CPU, as values.
#pragma once

#include <string_view>
#include <vector>

#include "cpu/exec/guest/boundary_table.h"

namespace ringside {

struct PendingEvent {
  enum class State : u8 {
    next,     // taken before the next instruction
    behind,   // nothing holds it back, but a more urgent event comes first
    blocked,  // see `blocked_by`
  };
  const BoundaryEvent* event = nullptr;
  State state = State::blocked;
  std::vector<const Blocking*> blocked_by;  // everything that does, not only the first
  ExitReason exit = no_exit;                // of the VM exit that comes instead of the delivery
};

// The events that wait at this CPU's next instruction boundary, the most urgent first. Changes nothing.
std::vector<PendingEvent> pending_events(const Cpu& cpu);

}  // namespace ringside
