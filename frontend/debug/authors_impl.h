// Owns what the files that look for authors share: the way there and back.
#pragma once

#include "frontend/debug/authors.h"
#include "frontend/debug/past_events.h"

namespace ringside {

// The machine is back where it was when this ends, and the same CPU is selected.
struct Authors::Trip {
  explicit Trip(Debugger& d) : debugger(d), from(d.timeline()->here()), selected(d.selected()) {
    debugger.take_interrupt();
  }
  Trip(const Trip&) = delete;
  Trip& operator=(const Trip&) = delete;
  ~Trip() {
    debugger.take_interrupt();
    debugger.select(selected);
    debugger.travel_back(from);
  }

  Debugger& debugger;
  Timeline::Place from;
  unsigned selected;
};

}  // namespace ringside
