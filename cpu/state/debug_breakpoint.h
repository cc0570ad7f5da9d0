// Owns what DR7 and DR0 to DR3 say of a breakpoint: the manual's "Debug Registers".
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

struct DebugBreakpoint {
  enum Kind : u8 { execution, writes, input_output, accesses };  // as R/W in DR7
  bool enabled;
  Kind kind;
  unsigned bytes;
  u64 first;  // the processor aligns the address to the length

  bool meets(u64 address, unsigned size) const { return address - first < bytes || first - address < size; }
};

// `n`: 0 to 3.
inline DebugBreakpoint debug_breakpoint(const Cpu& cpu, unsigned n) {
  static constexpr unsigned lengths[] = {1, 2, 8, 4};
  const unsigned bytes = lengths[cpu.dr7 >> (18 + 4 * n) & 3];
  return {(cpu.dr7 >> (2 * n) & 3) != 0, static_cast<DebugBreakpoint::Kind>(cpu.dr7 >> (16 + 4 * n) & 3),
          bytes, cpu.dr[n] & ~u64{bytes - 1}};
}

}  // namespace ringside
