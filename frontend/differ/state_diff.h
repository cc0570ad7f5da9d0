// Owns what differs between two machines that stand still: registers, VMCSs, translations, pages, devices.
#pragma once

#include <string>

#include "frontend/inspect/sheet.h"
#include "frontend/machine/machine.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

struct StateDiffOptions {
  std::string one = "the first", other = "the second";  // what rows call A and B
  std::size_t most_rows = 40;                           // of a section; what is left out is counted
};

// Both are of as many CPUs and as much memory. No section: nothing differs. `symbols` are of both.
Sheet state_diff_sheet(Machine& one, Machine& other, const Symbols& symbols,
                       const StateDiffOptions& options = {});

}  // namespace ringside
