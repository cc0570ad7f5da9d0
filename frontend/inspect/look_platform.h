// Owns the machine around the cores as text: MTRRs and PAT, local APIC, I/O APIC, the physical address map.
#pragma once

#include <string>

#include "cpu/state/cpu.h"
#include "frontend/machine/machine.h"

namespace ringside {

class LocalApic;
class IoApic;

std::string mtrr_text(const Cpu& cpu);
std::string local_apic_text(const LocalApic& apic);
std::string io_apic_text(const IoApic& apic);
std::string memory_map_text(const PhysicalMemory& memory);

}  // namespace ringside
