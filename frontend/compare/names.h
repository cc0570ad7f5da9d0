// Owns the names of a real hypervisor's code: from its files with debugging information, which lie where the
// machine's tables say.
#pragma once

#include <string>
#include <vector>

#include "frontend/machine/machine.h"
#include "frontend/symbols/symbols.h"

namespace ringside::compare {

// Loads a kernel, and behind it its modules (NAME.ko), at the places where they are: the machine has run, and
// goes on until a CPU is in VMX root operation at CPL 0, whose tables tell. False: one line in `error`.
bool find_names(Machine& machine, const std::vector<std::string>& files, Symbols& symbols,
                std::string& error);

}  // namespace ringside::compare
