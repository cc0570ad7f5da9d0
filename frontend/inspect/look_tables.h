// Owns descriptor tables as values: GDT, LDT, IDT and the TSS, read as the CPU would.
#pragma once

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

Sheet gdt_sheet(const Cpu& cpu);
Sheet ldt_sheet(const Cpu& cpu);
// Gates with the same handler distance are not folded; empty ones are left out.
Sheet idt_sheet(const Cpu& cpu, const Symbols* symbols = nullptr);
Sheet tss_sheet(const Cpu& cpu);

}  // namespace ringside
