// Owns the run loop's public face: run a CPU for a number of instructions.
#pragma once

#include "cpu/exec/core/block.h"
#include "cpu/exec/core/retired.h"

namespace ringside {

// Runs until `instructions` were retired (exactly), or the CPU cannot run (halted, waiting for SIPI,
// shutdown), or Attention::stop is set. The delivery of a fault counts as one instruction. Returns the number
// retired.
u64 run(Cpu& cpu, u64 instructions);

}  // namespace ringside
