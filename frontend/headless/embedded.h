// Owns the guest that is built in: what runs when nothing is named.
#pragma once

#include "frontend/debug/symbols.h"
#include "frontend/machine/machine.h"

namespace ringside {

// Whether the machine that is asked for is the one with the built-in guest.
bool boots_embedded(const MachineConfig& config);
// Puts roms/visor where the CPU finds its first instruction, as a mainboard's flash chip would hold it.
void install_embedded(Machine& machine);
// Its names and source lines.
void load_embedded_symbols(Symbols& symbols);

}  // namespace ringside
