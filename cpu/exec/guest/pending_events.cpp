// Owns the look at the table of the instruction boundary that takes nothing.
#include "cpu/exec/guest/pending_events.h"

namespace ringside {

std::vector<PendingEvent> pending_events(const Cpu& cpu) {
  std::vector<PendingEvent> pending;
  bool found_next = false;
  for (const BoundaryEvent& event : boundary::events) {
    if ((event.only_guest && !cpu.non_root) || !event.pending(cpu)) continue;
    PendingEvent p;
    p.event = &event;
    for (const Blocking* blocking : event.blocked_by) {
      if (blocking && blocking->blocks(cpu)) p.blocked_by.push_back(blocking);
    }
    if (p.blocked_by.empty()) {
      p.state = found_next ? PendingEvent::State::behind : PendingEvent::State::next;
      found_next = true;
    }
    p.exit = event.exit(cpu);
    pending.push_back(std::move(p));
  }
  return pending;
}

}  // namespace ringside
