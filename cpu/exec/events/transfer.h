// Owns what all transfers to another code segment share: the checks of the target and its commitment.
#pragma once

#include "cpu/exec/core/segments.h"

namespace ringside {

// True if a code segment descriptor runs in 64-bit mode.
inline bool runs_64bit(const Cpu& cpu, const Descriptor& d) { return cpu.mode.long_mode && d.long_mode(); }
// The manual's "L and D both set is reserved" of IA-32e mode.
inline bool bad_code_size(const Cpu& cpu, const Descriptor& d) {
  return cpu.mode.long_mode && d.long_mode() && d.default_big();
}

// #GP(0) unless `rip` lies inside the limit of the code segment, or is canonical where the segment is 64-bit.
inline bool check_instruction_pointer(Cpu& cpu, const Descriptor& code, u64 rip) {
  const bool fine = runs_64bit(cpu, code) ? cpu.mmu.canonical(rip) : rip <= code.limit();
  return fine || refuse(cpu, Vector::GP);
}

// The checked stack segment and the stack pointer for `level` (0 to 2) of the present TSS, 16- or 32-bit.
// #TS(TR) if the TSS is too short, else as check_stack_segment with #TS. Loads nothing.
bool stack_from_tss(Cpu& cpu, u8 level, Segment& ss, u32& esp);
// RSP0 to RSP2 of the 64-bit TSS.
bool stack_from_tss64(Cpu& cpu, u8 level, u64& rsp);
// Interrupt stack table entry 1 to 7 of the 64-bit TSS.
bool interrupt_stack_from_tss(Cpu& cpu, unsigned ist, u64& rsp);

// Loads CS, CPL and RIP, which were checked; derives mode and privilege.
void transfer_control(Cpu& cpu, const Segment& cs, u8 cpl, u64 rip);
// ES, DS, FS and GS after a return to the outer level `cpl`: what it may not use becomes null.
void drop_inner_segments(Cpu& cpu, u8 cpl);

// EFLAGS from a popped or saved image: the bits of `mask`. RF is dropped where no instruction breakpoint
// could tell, so that returning from a page fault does not cost a step.
void load_flags(Cpu& cpu, u64 image, u64 mask);

}  // namespace ringside
