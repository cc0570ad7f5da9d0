// Owns the one line that says where a CPU is, and how the address of code is told.
#pragma once

#include <string>

#include "cpu/state/cpu.h"
#include "frontend/symbols/symbols.h"
#include "vmx/explain_rule.h"

namespace ringside {

class FieldWriters;

// "CPU 0, guest of VMCS 0xa000, ring 0, 64-bit mode, 0xf1234 <main+0x12>, visor/run.inc:31": root or guest of
// which VMCS, ring, mode, activity if not active, address, symbol, source line.
std::string where_line(const Cpu& cpu, const Symbols* symbols = nullptr);

// "0xf2624 <guest_start+0x4c (visor/guest.inc:38)>": code's address, with a name if one is known.
std::string code_text(u64 rip, World world, const Symbols* symbols);
// The names of `symbols` for texts of the VMX room, with those who called where `writers` knows them for the
// VMCS at `region`; nullptr: none. They outlive the result.
NameCode code_names(const Symbols* symbols, const FieldWriters* writers = nullptr, u64 region = 0);

}  // namespace ringside
