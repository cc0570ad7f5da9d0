// Owns chains of faults in words: the event that began one, why each delivery failed, and what RDMSR and
// WRMSR were asked for.
#pragma once

#include <string>
#include <string_view>

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// Whose registers and memory the faults were met with: those of the CPU as it is, or those of the guest that
// a VM exit has just left.
enum class FaultedSide : u8 { own, guest };

// Rows in the section that was begun last: the first event with its instruction, then each fault that was met
// while the one before was delivered, with the reason. Nothing where the CPU has recorded no chain. `indent`
// begins each line that people read.
void add_fault_chain(Sheet& sheet, const Cpu& cpu, FaultedSide side, std::string_view indent,
                     const Symbols* symbols);

// Of a CPU that is shut down by a triple fault: the sheet of its chain; without rows if there is none.
Sheet shutdown_sheet(const Cpu& cpu, const Symbols* symbols);

// "WRMSR of MSR 0x3a (IA32_FEATURE_CONTROL), value 0x5: its reserved bits ..." if the instruction at `rip` is
// RDMSR or WRMSR, with the registers as they are; empty: it is another.
std::string msr_instruction_text(const Cpu& cpu, FaultedSide side, u64 rip);

}  // namespace ringside
