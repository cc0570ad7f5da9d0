// Owns what a stepping debugger has to know of the next instruction.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

struct NextStep {
  bool comes_back = false;  // a call, software interrupt or repeated string instruction
  bool returns = false;     // RET, far RET, IRET
  u64 following = 0;        // linear address of the instruction after it; if comes_back
};
// Of the selected instruction of `cpu`; neither, where it cannot be read.
NextStep next_step(const Cpu& cpu);

}  // namespace ringside
