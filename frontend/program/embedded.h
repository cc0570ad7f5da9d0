// Owns the guest that is built in: what runs when nothing is named.
#pragma once

#include "frontend/symbols/symbols.h"
#include "frontend/program/options.h"
#include "frontend/machine/machine.h"

namespace ringside {

// Whether the machine that is asked for is the one with the built-in guest.
bool boots_embedded(const MachineConfig& config);
// Puts roms/visor where the CPU finds its first instruction, as a mainboard's flash chip would hold it.
void install_embedded(Machine& machine);
// Its names and source lines, if it is what runs, then those of --symbols. False: `error`.
bool load_symbols(const RunOptions& options, Symbols& symbols, std::string& error);

}  // namespace ringside
