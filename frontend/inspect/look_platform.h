// Owns the machine around the cores as values: MTRRs and PAT, local APIC, I/O APIC, the physical address map.
#pragma once

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/machine/machine.h"

namespace ringside {

class LocalApic;
class IoApic;
class PicPair;

Sheet mtrr_sheet(const Cpu& cpu);
Sheet local_apic_sheet(const LocalApic& apic);
Sheet io_apic_sheet(const IoApic& apic);
Sheet pic_sheet(const PicPair& pics);
// The chips of the board, in the order of their state.
Sheet devices_sheet(Machine& machine);
Sheet memory_map_sheet(const PhysicalMemory& memory);

}  // namespace ringside
