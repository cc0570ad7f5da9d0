// Owns a guest's CR0, CR3, CR4 and EFER: what it believes them to be, and what the processor has instead.
#pragma once

#include "roms/lodge/vm/machine.h"

namespace lodge {

struct ControlRegisters {
  u64 cr0, cr3, cr4, efer;
};

// As the guest reads them.
ControlRegisters control_registers(const VirtualCpu& cpu);
// As after a MOV to one of them, the processor remembers nothing of the guest's linear addresses. false: a
// mode that this variant of the kernel has no way to run.
bool set_control_registers(VirtualCpu& cpu, const ControlRegisters& registers);

// Bits of CR0 and CR4 that are the host's for ever: the guest reads their value in the read shadow, and a
// change of them is a VM exit. One of CR4 that CPUID denies is #GP.
constexpr u64 denied_cr4 =
    CR4::VMXE | CR4::SMXE | CR4::PCIDE | CR4::OSXSAVE | CR4::LA57 | CR4::PKE | CR4::MCE | CR4::CET | CR4::PKS;
// Writes the fields that say which bits are the host's.
void write_masks();

// The variants no-unrestricted-guest and no-ept: CR0.PE and CR0.PG are 1 for the processor whenever the guest
// runs. A guest that has no paging runs on tables that map each address to itself, and CR3, the bits of CR4
// that say how tables look, and EFER.LME are not its own for that time.
bool must_page();
// A page of such tables, which EPT shows the guest at an address where it has nothing else.
void make_identity_table(VirtualMachine& machine);

// What the processor remembers of the guest's linear addresses is out of date.
void forget_translations(VirtualCpu& cpu);

}  // namespace lodge
