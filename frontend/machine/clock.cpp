// Owns the order in which timers fire, and the shortening of a CPU's run by a new deadline.
#include "frontend/machine/clock.h"

#include <algorithm>

namespace ringside {

void MachineClock::begin(Cpu& cpu) {
  running_ = &cpu;
  start_ = ringside::retired(cpu);
}

void MachineClock::end() {
  base_ = now();
  running_ = nullptr;
}

void MachineClock::spend(Ticks ticks) {
  base_ += ticks;
  end_run_by_deadline();
}

void MachineClock::end_run_by_deadline() {
  if (next_ == never) return;
  const Ticks time = now();
  if (running_) end_run_at(*running_, next_ > time ? next_ - time : 0);
}

void MachineClock::remove(Timer& timer) {
  std::erase(timers_, &timer);
  find_next();
}

void MachineClock::changed(Timer& timer) {
  find_next();
  if (timer.armed()) end_run_by_deadline();
}

void MachineClock::find_next() {
  next_ = never;
  for (const Timer* timer : timers_) {
    if (timer->armed()) next_ = std::min(next_, timer->deadline());
  }
}

void MachineClock::fire_due() {
  while (next_ <= base_) {
    Timer* due = nullptr;
    for (Timer* timer : timers_) {
      if (timer->armed() && timer->deadline() <= base_ && (!due || timer->deadline() < due->deadline()))
        due = timer;
    }
    if (!due) break;
    fire(*due);
    find_next();
  }
}

void MachineClock::fields(Fields& visit) {
  visit.group("clock");
  visit("ticks", base_);
  visit.end();
}

}  // namespace ringside
