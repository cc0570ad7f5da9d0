// Owns the guest that is built in, and the names that guests bring along.
#include "frontend/program/embedded.h"

#include <filesystem>
#include <fstream>
#include <vector>

#include "roms/visor.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;

// A regular file that begins as ELF files do: nothing else is opened to look.
bool is_elf_file(const std::string& path) {
  std::error_code none;
  if (!fs::is_regular_file(path, none)) return false;
  char head[4] = {};
  std::ifstream(path, std::ios::binary).read(head, sizeof head);
  return std::string_view(head, sizeof head) == "\177ELF";
}

bool loaded(const Symbols& symbols, const std::string& path) {
  std::error_code none;
  for (const Symbols::Image& image : symbols.images()) {
    if (image.path == path || fs::equivalent(image.path, path, none)) return true;
  }
  return false;
}

}  // namespace

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

std::string firmware_path(const std::string& name) {
  std::error_code none;
  if (name.find('/') != name.npos || fs::exists(name, none)) return name;
  const fs::path program = fs::read_symlink("/proc/self/exe", none);
  const fs::path installed = program.parent_path().parent_path() / "share/ringside/roms" / name;
  return !program.empty() && fs::is_regular_file(installed, none) ? installed.string() : name;
}

bool load_named_symbols(const RunOptions& options, Symbols& symbols, std::string& error) {
  for (const SymbolFile& file : options.symbols) {
    std::string why;
    if (symbols.load(file.path, {.offset = file.offset, .world = file.world}, why)) continue;
    error = "--symbols " + why;
    return false;
  }
  return true;
}

void load_own_symbols(const MachineConfig& config, Symbols& symbols) {
  std::string why;  // stripped files have no names: nobody asked for them
  if (boots_embedded(config)) {
    symbols.load_bytes(roms::visor_symbols(), "built in", {.name = "visor"}, why);
    return;
  }
  std::string path = config.boot.kernel;
  if (path.empty() || !config.boot.bios.empty())
    path = fs::path(config.boot.bios).replace_extension(".elf").string();
  if (is_elf_file(path) && !loaded(symbols, path)) symbols.load(path, why);
}

}  // namespace ringside
