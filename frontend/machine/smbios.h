// Owns the SMBIOS structures: what the machine is called and what is in it, for inventories and installers.
#pragma once

#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

struct MachineConfig;

// The entry point, whose table address and sums firmware fills in, and the structures behind each other.
struct SmbiosTables {
  std::vector<u8> anchor, structures;
};

// Source: DMTF DSP0134, "System Management BIOS Reference Specification" 2.8.
SmbiosTables smbios_tables(const MachineConfig& config);

}  // namespace ringside
