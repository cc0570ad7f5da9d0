// Owns event channels: bits that domains set for each other, and how a virtual CPU notices.
#pragma once

#include "roms/loft/domain.h"

namespace loft {

// Sets the bit of a domain's port. If the domain has a shared page and has not masked the port, its virtual
// CPU 0 is woken and interrupted.
void set_pending(Domain& domain, u32 port);

// Hypercalls, whose answers they return.
i64 set_shared_page(Domain& domain, u64 address, u64 vector);
i64 allocate_port(Domain& domain, u64 other);
i64 bind_port(Domain& domain, u64 other, u64 other_port);
i64 send_event(Domain& domain, u64 port);

// Is there an event or an interrupt that would end the virtual CPU's HLT?
bool has_something_to_do(const Vcpu& vcpu);

// Before each entry: what shall be delivered to the guest of the current VMCS is put into the VM-entry
// interruption information; if it cannot take it yet, "interrupt-window exiting" brings us back as soon as it
// can.
void deliver_events(Vcpu& vcpu);

// After each exit: if the exit cut the delivery of an event short, it is delivered again by the next entry.
void keep_cut_event(Vcpu& vcpu);

// An exception for the guest to deal with: its vector, for those with an error code that, too.
void inject_exception(u8 vector);
void inject_exception(u8 vector, u32 error_code);

}  // namespace loft
