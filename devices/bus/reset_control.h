// Owns what chips that can reset the machine ask of it.
#pragma once

#include "cpu/arch/seams.h"

namespace ringside {

// MachineControl::reset is RESET# of processors and chips: RAM stays, and what a battery keeps.
class ResetControl : public MachineControl {
 public:
  // INIT# of every processor: the chips and the memory do not notice.
  virtual void init_cpus(const char* why) = 0;
};

}  // namespace ringside
