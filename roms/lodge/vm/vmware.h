// Owns the lodge's other face: to a guest that looks for VMware it is one.
//
// A guest that knows no hypercall of ours has drivers for well-known hypervisors. The one of VMware is the
// oldest of them, and small: a signature in CPUID, and a port, the "backdoor", by which a guest asks.
#pragma once

#include "roms/lodge/vm/machine.h"

namespace lodge {

// CPUID's leaves from 40000000H on: the signature, and in leaf 40000010H the speed of the clocks.
CpuidResult vmware_leaf(u32 leaf);

// After a VM exit by IN or OUT: whether the guest knocked at the backdoor. Then its registers have the
// answer. Who means it reads or writes a doubleword at this port, with a certain number in EAX; without that
// it is a port with nothing behind it.
bool knock_at_backdoor(VirtualCpu& cpu, u16 port, unsigned bytes);

}  // namespace lodge
