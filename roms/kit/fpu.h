// Owns a guest's x87 and SSE registers while another one, or nobody, has the processor's; and the two ways of
// switching them.
//
// The registers are 512 bytes, which many a guest does not touch in its slice of time. The lazy way spares
// those who do not: the guest runs with CR0.TS, its first use of a register is #NM, a VM exit, and only then
// its registers are loaded. What the processor holds until then is somebody else's. It cannot be read, but
// processors that run ahead of a fault have leaked it (LazyFP, 2018): since then hypervisors switch eagerly.
//
// All functions are about the current VMCS. No hypervisor here uses the registers for itself.
#pragma once

#include "roms/kit/types.h"

namespace kit {

struct GuestFpu {
  alignas(16) u8 image[512];  // as FXSAVE leaves it
  bool loaded;                // the guest has the processor's registers
};

// As FNINIT and a reset leave the registers.
void reset_fpu(GuestFpu& fpu);

// The guest comes to this CPU: its registers are loaded, or, with the variant lazy-fpu, kept back until it
// uses them.
void arrive(GuestFpu& fpu);
// It leaves: what was loaded is saved.
void leave(GuestFpu& fpu);

// What the guest reads of CR0, and what a MOV to CR0 of the guest does: bits of CR0_GUEST_HOST_MASK are the
// hypervisor's. Those that VMX operation, or a variant, wants to be 1 (NE, and PE, PG, WP, TS) are 1 whatever
// the guest has, the others (NW, CD) are 0.
u64 guest_cr0();
void set_guest_cr0(u64 value);
// CR0 after LMSW of a value: it changes the lowest four bits, and never clears PE.
u64 after_lmsw(u64 value);

constexpr u8 device_not_available = 7;  // the vector of #NM
// After a VM exit by #NM, or by CLTS. false: the guest has set CR0.TS or CR0.EM itself, so that
// the exception is its own.
bool lend_fpu(GuestFpu& fpu);
void clear_task_switched(GuestFpu& fpu);

}  // namespace kit
