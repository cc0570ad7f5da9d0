// Owns the debug conditions that an instruction meets while it runs: breakpoints by address range, and the
// #DB that waits for the next instruction boundary.
#pragma once

#include "cpu/state/cpu.h"
#include "cpu/state/debug_breakpoint.h"

namespace ringside {

// The bits B0 to B3 of the enabled breakpoints of one kind that meet a range of addresses.
u64 breakpoints_met(const Cpu& cpu, DebugBreakpoint::Kind kind, u64 address, unsigned size);

// The DR6 bits B0 to B3 of the I/O breakpoints that an access of `size` bytes meets; 0 without CR4.DE.
// Whoever makes the access hands them to raise_debug_trap() once it is done.
u64 io_breakpoints_met(const Cpu& cpu, u16 port, unsigned size);
inline void raise_debug_trap(Cpu& cpu, u64 dr6_bits) {
  if (!dr6_bits) return;
  cpu.pending_debug |= dr6_bits;
  cpu.attention |= Attention::trap;
}

}  // namespace ringside
