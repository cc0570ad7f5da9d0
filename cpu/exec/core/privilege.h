// Owns the checks that stand at the top of system instructions.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

inline bool fail(Cpu& cpu, Vector vector) {
  cpu.raise(vector, 0);
  return false;
}

// CPL 0, and so not virtual-8086 mode: #GP(0) otherwise. Real-address mode counts as CPL 0.
inline bool require_privilege(Cpu& cpu) { return (cpu.cpl == 0 && !cpu.mode.v86) || fail(cpu, Vector::GP); }
// For SGDT, SIDT, SMSW and their like: CR4.UMIP forbids them outside CPL 0.
inline bool require_umip_permission(Cpu& cpu) { return !(cpu.cr4 & Cr4::UMIP) || require_privilege(cpu); }

// EDX:EAX, as RDMSR, RDTSC and others use them: reads, and writes that clear the upper halves.
inline u64 edx_eax(const Cpu& cpu) {
  return static_cast<u32>(cpu.gpr[RAX]) | static_cast<u64>(static_cast<u32>(cpu.gpr[RDX])) << 32;
}
inline void set_edx_eax(Cpu& cpu, u64 value) {
  cpu.gpr[RAX] = static_cast<u32>(value);
  cpu.gpr[RDX] = value >> 32;
}

}  // namespace ringside
