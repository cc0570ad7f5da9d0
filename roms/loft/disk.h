// Owns the variant "inside": the back end of disks in the hypervisor itself, in place of the control
// domain's.
//
// The front end in the guest is the same, and so are the ring and the grants. What is saved are two switches
// to another domain and back, a mapping by EPT and its invalidation, for each request; what is paid is that
// these lines run with all of the machine in their hands, on what a guest wrote.
#pragma once

#include "roms/loft/domain.h"

namespace loft {

// The domain has written a slot of the store: if it tells of a ring now, the disk is there.
void connect_disk(Domain& domain);
// Is this port of the domain the one of its disk?
bool is_disk_port(const Domain& domain, u64 port);
// All requests of the ring.
void serve_disk(Domain& domain);
// Gives the disk's memory back.
void remove_disk(Domain& domain);

}  // namespace loft
