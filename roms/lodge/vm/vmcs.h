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

// Bits of CR0 and CR4 that are the host's: the guest reads their value in the read shadow, and a change of
// them is a VM exit.
constexpr u64 owned_cr0 = CR0::NE | CR0::NW | CR0::CD;
constexpr u64 owned_cr4 =
    CR4::VMXE | CR4::SMXE | CR4::PCIDE | CR4::OSXSAVE | CR4::LA57 | CR4::PKE | CR4::MCE | CR4::CET | CR4::PKS;
void set_guest_cr0(u64 value);
void set_guest_cr4(u64 value);
void set_guest_efer(u64 value);

u64 read_register(VirtualCpu& cpu, unsigned number);  // as in ModR/M: 4 is RSP
void write_register(VirtualCpu& cpu, unsigned number, u64 value);

}  // namespace lodge
