// Owns what becomes of an access that EPT refused: the VM exit that describes it, or a virtualization
// exception in its place. The manual's "Exit Qualification for EPT Violations" and "Virtualization
// Exceptions".
#pragma once

#include "vmx/exit_info.h"
#include "vmx/vmx.h"

namespace ringside {

// The exit for `fault`, of kind second_stage: EPT violation, EPT misconfiguration or page-modification log
// full. Whoever makes the exit adds NMI unblocking (bit 12) and what was being delivered.
ExitInfo ept_exit(const Cpu& cpu, const Fault& fault);

// "Convertible EPT Violations": true if `fault` becomes a virtualization exception; then the information area
// is written and `fault` is exception 20, to be treated as any other exception. `delivering`: an event is on
// its way through the IDT, which forbids it.
bool convert_to_virtualization_exception(Cpu& cpu, Fault& fault, bool delivering);

}  // namespace ringside
