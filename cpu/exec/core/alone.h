// Owns the guard of work that may touch devices and running code at once, because nothing asks it to come
// again by itself: the delivery of events, an instruction that runs alone.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// cpu.alone for the guard's life.
class Alone {
 public:
  explicit Alone(Cpu& cpu) : cpu_(cpu), before_(cpu.alone) { cpu.alone = true; }
  ~Alone() { cpu_.alone = before_; }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  Cpu& cpu_;
  const bool before_;
};

}  // namespace ringside
