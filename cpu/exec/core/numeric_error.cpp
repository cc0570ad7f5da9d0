// Owns the freezing of a processor in front of a waiting x87 instruction.
#include "cpu/exec/core/numeric_error.h"

#include "devices/bus/numeric_error_pins.h"

namespace ringside {

bool frozen_by_error(Cpu& cpu) {
  if (!cpu.ferr) cpu.set_ferr(true);
  if (cpu.numeric_error == nullptr || cpu.numeric_error->ignne()) return false;
  cpu.activity = Activity::hlt;
  cpu.attention = (cpu.attention & ~Attention::shadow) | Attention::activity;
  cpu.interrupt_shadow = 0;  // the instruction behind the STI has begun
  cpu.chain_end = ChainEnd::boundary;
  return true;
}

}  // namespace ringside
