// Owns the count of retired instructions, and how an instruction shortens the run that it is part of.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// From inside an instruction: the run ends when `instructions` more were retired, if that is sooner.
void end_run_at(Cpu& cpu, u64 instructions);

// Instructions that this CPU retired in all, exact to the instruction that asks from inside a body of kind
// leave or one that runs alone (it counts itself).
u64 retired(const Cpu& cpu);

}  // namespace ringside
