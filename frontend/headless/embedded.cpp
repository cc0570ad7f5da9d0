// Owns the guest that is built in: what runs when nothing is named.
#include "frontend/headless/embedded.h"

#include <vector>

#include "roms/visor.h"

namespace ringside {

bool boots_embedded(const MachineConfig& config) {
  return config.boot.kernel.empty() && config.boot.bios.empty();
}

void install_embedded(Machine& machine) {
  const auto rom = roms::visor();
  // The chip ends at 4 GiB, and chipsets show its last part below 1 MiB too, where real mode reaches it.
  machine.memory().add_rom(HostPhys((u64{1} << 32) - rom.size()), std::vector<u8>(rom.begin(), rom.end()),
                           "visor");
  machine.memory().write_block(HostPhys(0x100000 - rom.size()), rom.data(), rom.size());
}

void load_embedded_symbols(Symbols& symbols) {
  // What the build has put there is whole; if it were not, there would be no names, and no harm.
  std::string error;
  symbols.load_bytes(roms::visor_symbols(), "built in", {.name = "visor"}, error);
}

}  // namespace ringside
