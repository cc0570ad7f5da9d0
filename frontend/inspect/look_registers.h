// Owns the registers of a CPU as values: general, control with their bits by name, segments with the hidden
// part, debug registers, chosen MSRs, x87 and vector state.
#pragma once

#include <string>
#include <string_view>

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"
#include "vmx/field.h"

namespace ringside {

// "PE MP ET": the bits that are set by the names that a field of the VMCS gives them (CR0: GUEST_CR0, ...);
// unnamed ones as "bit20".
std::string bits_of(Field like, u64 value);
// "code, execute/read, accessed, DPL 0, 64-bit" from access rights in the VMCS's format.
std::string rights_text(u32 rights, bool long_mode = true);

Sheet general_registers_sheet(const Cpu& cpu, const Symbols* symbols = nullptr);
Sheet control_registers_sheet(const Cpu& cpu);  // and EFER, XCR0, mode and paging mode in words
Sheet segments_sheet(const Cpu& cpu);           // and GDTR, IDTR
Sheet debug_registers_sheet(const Cpu& cpu);
Sheet msrs_sheet(const Cpu& cpu);  // those with a place of their own that a kernel sets
Sheet x87_sheet(const Cpu& cpu);   // and MMX, as the same registers
Sheet vector_sheet(const Cpu& cpu);
// All but x87, vectors and MSRs: the debugger's "registers".
Sheet registers_sheet(const Cpu& cpu, const Symbols* symbols = nullptr);

// "64-bit mode", "compatibility mode", "protected mode, 16-bit", "virtual-8086 mode", "real mode".
std::string_view mode_name(const Cpu& cpu);

}  // namespace ringside
