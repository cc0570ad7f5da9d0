// Owns the declarations of INVEPT and INVVPID, of what VM entries and VM exits invalidate, and of EPTP
// switching: the manual's "Operations that Invalidate Cached Mappings" and "EPTP Switching".
#pragma once

#include "vmx/instructions.h"

namespace ringside {

// Whether the CPU has the type. A body that asks before it reads the descriptor does as the manual's
// operation section does: an unsupported type fails whatever the descriptor's address is.
bool invept_type_supported(const Capabilities& capability, u64 type);
bool invvpid_type_supported(const Capabilities& capability, u64 type);

// `first` and `second` are the halves of the 128-bit descriptor. Types and descriptors that are not valid are
// VmError::invalid_invalidation_operand.
VmResult invept(Cpu& cpu, u64 type, u64 first, u64 second);
VmResult invvpid(Cpu& cpu, u64 type, u64 first, u64 second);

// VM entry and VM exit while "enable VPID" is 0: what belongs to VPID 0000H goes. With VPIDs nothing does.
void invalidate_for_transition(Cpu& cpu);

// VM function 0: entry `index` of the EPTP list becomes the EPT pointer, in the VMCS too. False: the function
// fails with a VM exit; nothing was changed.
bool switch_ept_pointer(Cpu& cpu, u32 index);

}  // namespace ringside
