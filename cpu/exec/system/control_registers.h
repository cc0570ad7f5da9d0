// Owns the checks and effects of writes to control registers, apart from the instructions that cause them:
// MOV, LMSW, and whatever loads them otherwise.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// Each returns false if the write faults (#GP(0), or what reading the PDPTEs met): cpu.fault says how and
// nothing was changed. Privilege is the caller's. "MOV - Move to/from Control Registers".
bool write_cr0(Cpu& cpu, u64 value);
bool write_cr3(Cpu& cpu, u64 value);
bool write_cr4(Cpu& cpu, u64 value);
bool write_cr8(Cpu& cpu, u64 value);
bool write_xcr(Cpu& cpu, u32 number, u64 value);

// What MOV from CRn reads; `number` is 0, 2, 3, 4 or 8.
u64 read_control_register(const Cpu& cpu, unsigned number);

}  // namespace ringside
