// Owns last branch records: what IA32_DEBUGCTL.LBR makes the processor write down of branches, interrupts and
// exceptions. The manual's "Last Branch, Interrupt, and Exception Recording".
#pragma once

#include "cpu/decode/rows.h"
#include "cpu/state/cpu.h"

namespace ringside {

// While it is so, each instruction runs by itself (Cpu::update_debug sees to it): blocks know nothing of
// records.
inline bool records_branches(const Cpu& cpu) { return cpu.msr.debugctl & DebugControl::LBR; }

// Of the instruction that ran alone last, at a boundary: which branch it took; no_branch: none.
Branch branch_taken(const Cpu& cpu);

// A branch from `from` to `to`, both offsets in the code segment, if MSR_LBR_SELECT lets it through. The CPL
// is the one that it led to.
void record_branch(Cpu& cpu, Branch what, u64 from, u64 to);

// An exception or interrupt is delivered: the last record before it is kept as the last exception record.
void record_last_exception(Cpu& cpu);

}  // namespace ringside
