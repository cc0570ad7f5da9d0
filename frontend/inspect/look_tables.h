// Owns descriptor tables as text: GDT, LDT, IDT and the TSS, read as the CPU would.
#pragma once

#include <string>

#include "cpu/state/cpu.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

std::string gdt_text(const Cpu& cpu);
std::string ldt_text(const Cpu& cpu);
// Gates with the same handler distance are not folded; empty ones are left out.
std::string idt_text(const Cpu& cpu, const Symbols* symbols = nullptr);
std::string tss_text(const Cpu& cpu);

}  // namespace ringside
