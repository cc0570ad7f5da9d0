// Owns the guest that is built in: what runs when nothing is named.
#include "frontend/program/embedded.h"

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

bool load_symbols(const RunOptions& options, Symbols& symbols, std::string& error) {
  if (boots_embedded(options.machine)) {
    // What the build has put there is whole; if it were not, there would be no names, and no harm.
    std::string why;
    symbols.load_bytes(roms::visor_symbols(), "built in", {.name = "visor"}, why);
  }
  for (const SymbolFile& file : options.symbols) {
    std::string why;
    if (symbols.load(file.path, {.offset = file.offset, .world = file.world}, why)) continue;
    error = "--symbols " + why;
    return false;
  }
  return true;
}

}  // namespace ringside
