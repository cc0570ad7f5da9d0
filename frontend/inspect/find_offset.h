// Owns the guess at where a kernel was loaded: what the CPU's tables point at, against where the image says
// that it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cpu/state/cpu.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// The load offset of a loaded image (KASLR and the like), from IA32_LSTAR and the gates of the IDT: of what
// the CPU runs, or, for a guest's image while the hypervisor runs, of the guest as the last VM exit left it.
// nullopt: the image does not have such symbols, the tables are not set up yet, or they disagree; which, is
// in `why`. Else `why` names the evidence.
std::optional<u64> find_offset(const Cpu& cpu, const Symbols& symbols, std::string_view image, World world,
                               std::string& why);

}  // namespace ringside
