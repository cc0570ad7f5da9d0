// Owns what is written into a VMCS before its first entry, and the instructions that change what the guest
// sees later.
#pragma once

#include "roms/lodge/vm/machine.h"

namespace lodge {

// Takes a page for the VMCS and lists of MSRs, and writes all fields that never change. Leaves no VMCS
// current.
void make_vmcs(VirtualCpu& cpu);
// Makes it current on this CPU, with the host's state of this CPU and thread, and the guest's x87 and SSE
// registers.
void load_virtual_cpu(VirtualCpu& cpu);

// The page where a 0 lets the guest read or write an MSR without a VM exit.
u64 make_msr_bitmap();

u64 read_register(VirtualCpu& cpu, unsigned number);  // as in ModR/M: 4 is RSP
void write_register(VirtualCpu& cpu, unsigned number, u64 value);

}  // namespace lodge
