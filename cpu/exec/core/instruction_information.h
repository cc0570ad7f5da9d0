// Owns the declaration of the VM-exit instruction information: the manual's "Information for VM Exits Due to
// Instruction Execution".
#pragma once

#include "vmx/exit_info.h"

namespace ringside {

struct Cpu;
struct Op;

// The VM-exit instruction-information field in the format of the instruction's row; 0 for those that have
// none.
u32 instruction_information(const Cpu& cpu, const Op& op);
// The displacement of a memory operand as the exit qualification of such instructions holds it (RIP-relative
// ones: the address relative to the next instruction is made whole); 0 for register operands.
u64 displacement_qualification(const Cpu& cpu, const Op& op);

}  // namespace ringside
