// Owns the search for the breakpoints that an address range meets.
#include "cpu/exec/core/debug_traps.h"

namespace ringside {

u64 breakpoints_met(const Cpu& cpu, DebugBreakpoint::Kind kind, u64 address, unsigned size) {
  u64 met = 0;
  for (unsigned n = 0; n < 4; ++n) {
    const DebugBreakpoint b = debug_breakpoint(cpu, n);
    if (b.enabled && b.kind == kind && b.meets(address, size)) met |= bit(n);
  }
  return met;
}

u64 io_breakpoints_met(const Cpu& cpu, u16 port, unsigned size) {
  return cpu.cr4 & Cr4::DE ? breakpoints_met(cpu, DebugBreakpoint::input_output, port, size) : 0;
}

}  // namespace ringside
