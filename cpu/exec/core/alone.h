// Owns the guard under which accesses to devices and to the code that runs go ahead at once. Elsewhere such
// an access ends the block, and its instruction comes again alone. What cannot come again needs the guard
// from the start: the delivery of an event, and the instruction that runs alone.
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
