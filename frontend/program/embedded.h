// Owns the guest that is built in, and the names that guests bring along.
#pragma once

#include "frontend/symbols/symbols.h"
#include "frontend/program/options.h"
#include "frontend/machine/machine.h"

namespace ringside {

// Whether the machine that is asked for is the one with the built-in guest.
bool boots_embedded(const MachineConfig& config);
// Puts roms/visor where the CPU finds its first instruction, as a mainboard's flash chip would hold it.
void install_embedded(Machine& machine);
// The file that -bios means: a name without a folder that is not in the current one may be a guest that was
// installed with the program.
std::string firmware_path(const std::string& name);
// Names and source lines of --symbols. False: `error`.
bool load_named_symbols(const RunOptions& options, Symbols& symbols, std::string& error);
// Those that come with the guest: the built-in one's, a kernel's that is an ELF file, and of a firmware image
// NAME.bin those of NAME.elf beside it. Where there are none, there is no harm; files that --symbols has
// named come first.
void load_own_symbols(const MachineConfig& config, Symbols& symbols);

}  // namespace ringside
