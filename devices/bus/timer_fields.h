// Owns a timer as a part of its owner's state.
#pragma once

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"

namespace ringside {

// Whether the timer is armed, and until when: a restored one fires when the saved one would have.
inline void timer_fields(Fields& visit, Timer& timer) {
  bool armed = timer.armed();
  Ticks until = armed ? timer.deadline() : 0;
  visit("armed", armed);
  visit("deadline", until);
  if (!visit.restoring()) return;
  if (armed) {
    timer.arm(until);
  } else {
    timer.disarm();
  }
}

}  // namespace ringside
