// Owns the way from a front end to its back end: over grants and events to another guest, or by hypercalls to
// a hypervisor that has this guest's memory before it.
#pragma once

#include "roms/kit/hypercalls.h"

namespace tiny {

using namespace kit;

// The number by which the back end finds this page, also to write to it.
u32 share(const void* page);
// Tells the back end where a device's ring lies; false: the hypervisor refuses.
bool connect(RingDevice device, const void* ring);
// There is something on the ring. Refused as long as the back end has not connected; it looks at the ring
// when it does.
void notify(RingDevice device);

}  // namespace tiny
