// Owns last branch records as a value: where the CPU came from, by what IA32_DEBUGCTL.LBR made it write down.
#pragma once

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// The newest record first. Records that were never written are left out.
Sheet branches_sheet(const Cpu& cpu, const Symbols* symbols = nullptr);

}  // namespace ringside
