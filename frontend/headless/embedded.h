// Owns the guest that is built in: what runs when nothing is named.
#pragma once

#include "frontend/machine/machine.h"

namespace ringside {

// Puts roms/hello where the CPU finds its first instruction, as a mainboard's flash chip would hold it.
void install_embedded(Machine& machine);

}  // namespace ringside
