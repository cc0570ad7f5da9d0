// Owns what is there before the first instruction where firmware boots the machine: its ROM, and the kernel
// that it is to load.
#pragma once

#include <string>

#include "frontend/machine/boot.h"

namespace ringside {

class FwCfg;

// Maps a raw image so that it ends at 4 GiB, and its last 128 KiB below 1 MiB, where the host bridge decides
// who answers. False and one line in `error`: it cannot be read, or its size is none that a ROM has.
bool load_bios(const std::string& name, PhysicalMemory& memory, std::string& error);

// -kernel, -initrd and -append for firmware to load: a Linux bzImage, in parts, as items of the configuration
// device. `low_ram_end`: end of RAM below 4 GiB. False and one line in `error`.
bool offer_kernel(const BootRequest& request, u64 low_ram_end, FwCfg& items, std::string& error);

}  // namespace ringside
