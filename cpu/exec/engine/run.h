// Owns the run loop's public face: run a CPU for a number of instructions.
#pragma once

#include "cpu/exec/core/block.h"

namespace ringside {

// Runs until `instructions` were retired (exactly), or the CPU cannot run (halted, waiting for SIPI,
// shutdown), or Attention::stop is set. The delivery of a fault counts as one instruction. Returns the number
// retired.
u64 run(Cpu& cpu, u64 instructions);

// From inside an instruction: the run ends when `instructions` more were retired, if that is sooner.
void end_run_at(Cpu& cpu, u64 instructions);

// Instructions that this CPU retired in all, exact to the instruction that asks from inside a body of kind
// leave or one that runs alone (it counts itself).
u64 retired(const Cpu& cpu);

// Derives what Engine knows of the mode and the translation: at a boundary, before a block is looked for.
void refresh(Cpu& cpu);

}  // namespace ringside
