// Owns the one line that says where a CPU is.
#pragma once

#include <string>

#include "cpu/state/cpu.h"
#include "frontend/debug/symbols.h"

namespace ringside {

// "CPU 0, guest of VMCS 0xa000, ring 0, 64-bit mode, 0xf1234 <main+0x12>, visor/run.inc:31": root or guest of
// which VMCS, ring, mode, activity if not active, address, symbol, source line.
std::string where_line(const Cpu& cpu, const Symbols* symbols = nullptr);

}  // namespace ringside
