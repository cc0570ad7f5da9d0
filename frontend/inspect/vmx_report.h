// Owns `ringside vmx`: what a CPU model's VMX offers, and whether known hypervisors would run on it.
#pragma once

#include <string>

#include "frontend/machine/machine.h"

namespace ringside {

// The capability MSRs bit by bit, then the published needs of KVM, Xen, Hyper-V and ESX with what is missing.
// On error (the machine cannot be built) empty, and one line in `error`.
std::string vmx_report(const MachineConfig& config, std::string& error);

}  // namespace ringside
