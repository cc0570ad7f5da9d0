// Owns the declarations of INVEPT and INVVPID, and of EPTP switching: the manual's "Operations that
// Invalidate Cached Mappings" and "EPTP Switching".
#pragma once

#include "vmx/instructions.h"

namespace ringside {

// `first` and `second` are the halves of the 128-bit descriptor. Types and descriptors that are not valid are
// VmError::invalid_invalidation_operand.
VmResult invept(Cpu& cpu, u64 type, u64 first, u64 second);
VmResult invvpid(Cpu& cpu, u64 type, u64 first, u64 second);

// VM function 0. False: the function fails with a VM exit; nothing was changed.
bool switch_ept_pointer(Cpu& cpu, u32 index);

}  // namespace ringside
