// Owns the search for where a hypervisor's code lies.
#include "frontend/compare/names.h"

#include <fmt/format.h>

#include "frontend/inspect/find_module.h"
#include "frontend/inspect/find_offset.h"

namespace ringside::compare {
namespace {

// Goes on to the hypervisor. nullptr: the machine does not come there.
const Cpu* hypervisor(Machine& machine) {
  constexpr u64 most = 50'000'000;
  for (u64 n = 0; n < most; ++n) {
    const Cpu& cpu = machine.cpu(machine.turn());
    if (!cpu.non_root && cpu.cpl == 0) return &cpu;
    if (machine.run(1).why != Ending::Why::running) break;
  }
  return nullptr;
}

}  // namespace

bool find_names(Machine& machine, const std::vector<std::string>& files, Symbols& symbols,
                std::string& error) {
  if (files.empty()) return true;
  const Cpu* const cpu = hypervisor(machine);
  if (!cpu) {
    error = "the machine does not come back to its hypervisor, whose tables tell where its code lies";
    return false;
  }
  for (const std::string& file : files) {
    Symbols::Options options{.world = World::root};
    std::string why, name;
    const std::string module = module_name(file);
    if (!module.empty()) {
      const auto sections = find_module(*cpu, symbols, module, World::root, why);
      if (!sections) {
        error = fmt::format("{}: {}", file, why);
        return false;
      }
      options.sections = *sections;
    }
    if (!symbols.load(file, options, error, &name)) return false;
    if (!module.empty()) continue;
    const auto offset = find_offset(*cpu, symbols, name, World::root, why);
    if (!offset) {
      error = fmt::format("{}: it is not what runs here: {}", file, why);
      return false;
    }
    symbols.set_offset(name, *offset);
  }
  return true;
}

}  // namespace ringside::compare
