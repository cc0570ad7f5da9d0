// Owns the loft's other face: to a domain that was made so, it is a Hyper-V.
//
// A guest that knows no hypercall of ours has drivers for well-known hypervisors. Hyper-V's interface has
// three parts, and a guest uses them in this order: leaves of CPUID say what there is; synthetic MSRs set it
// up; then a page that the hypervisor fills has the code of a hypercall, and another one tells the time
// without any VM exit. The names are those of Microsoft's "Hypervisor Top Level Functional Specification".
#pragma once

#include "roms/kit/instructions.h"

namespace loft {

using namespace kit;

struct Domain;
struct Vcpu;

// What a domain has set up by the synthetic MSRs: addresses of pages, with bit 0 if they are in use.
struct HyperV {
  bool shown;
  u64 guest_os_id, hypercall_page, reference_page, assist_page;
  u64 calls;  // how many hypercalls succeeded
};

// CPUID's leaves from 40000000H on.
CpuidResult hyperv_leaf(u32 leaf);

// MSRs from 40000000H to 400000FFH; false: there is no such one, or it does not take the value.
bool read_synthetic_msr(Vcpu& vcpu, u32 number, u64& value);
bool write_synthetic_msr(Vcpu& vcpu, u32 number, u64 value);

// VMCALL of such a domain: RCX is the call with its flags, RAX becomes the status.
void hyperv_call(Vcpu& vcpu);

}  // namespace loft
