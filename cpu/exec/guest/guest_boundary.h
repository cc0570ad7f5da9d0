// Owns the declaration of what happens between two instructions in VMX non-root operation.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// service_boundary() of a guest: VM exits and events in the manual's order of priority. After a VM exit the
// boundary of root operation is served too.
bool service_guest_boundary(Cpu& cpu);

}  // namespace ringside
