// Owns the search for a Linux module in a kernel's memory: where its sections were put.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/state/cpu.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// "dir/kvm-intel.ko" is the module kvm_intel; empty: the file's name is not that of a module.
std::string module_name(std::string_view path);

// The sections of a module, from the kernel's own list. The kernel's image with DWARF has to be loaded, at
// its offset: it tells how the list is laid out. `world`: as for find_offset(). nullopt: why in `why`, one
// line.
std::optional<std::vector<Symbols::Section>> find_module(const Cpu& cpu, const Symbols& symbols,
                                                         std::string_view module, World world,
                                                         std::string& why);

}  // namespace ringside
