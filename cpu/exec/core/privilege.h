// Owns the checks that stand at the top of system instructions.
#pragma once

#include "cpu/decode/op.h"
#include "cpu/state/cpu.h"

namespace ringside {

inline bool fail(Cpu& cpu, Vector vector) {
  cpu.raise(vector, 0);
  return false;
}

// The privilege that the instruction's row wants: #GP(0) or #UD is raised otherwise. Where it is a matter of
// IOPL, bitmaps or system-management mode the body itself asks, and this lets everybody pass.
bool has_privilege_above_ring_0(Cpu& cpu, const Op& op);
inline bool has_privilege(Cpu& cpu, const Op& op) {
  if (cpu.cpl == 0 && !cpu.mode.v86) [[likely]]
    return true;
  return has_privilege_above_ring_0(cpu, op);
}

// EDX:EAX, as RDMSR, RDTSC and others use them: reads, and writes that clear the upper halves.
inline u64 edx_eax(const Cpu& cpu) {
  return static_cast<u32>(cpu.gpr[RAX]) | static_cast<u64>(static_cast<u32>(cpu.gpr[RDX])) << 32;
}
inline void set_edx_eax(Cpu& cpu, u64 value) {
  cpu.gpr[RAX] = static_cast<u32>(value);
  cpu.gpr[RDX] = value >> 32;
}

}  // namespace ringside
