// Owns the declaration of what happens at an instruction boundary.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// At a boundary with cpu.attention != 0, before the next instruction: in the manual's order of priority
// ("Priority Among Concurrent Events") takes reset/INIT/SIPI, traps (#DB, pending_debug), NMI, external
// interrupts, honouring shadows, IF, nmi_blocked; clears attention bits that no longer hold. Wakes a halted
// CPU. False: the CPU cannot run now (halted, waiting for SIPI, shutdown, stopped).
bool service_boundary(Cpu& cpu);

// Halted with EFLAGS.IF clear, or waiting for a SIPI: no interrupt wakes it, only an NMI, INIT or SIPI could.
// Never of a guest of VMX, which wakes in other ways, too.
bool sleeps_for_ever(const Cpu& cpu);

}  // namespace ringside
