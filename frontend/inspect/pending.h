// Owns the answer to "why is the interrupt that waits not taken?" for a CPU and the interrupt controllers
// around it: as rows, and as a sheet.
#pragma once

#include <string>
#include <vector>

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"

namespace ringside {

class IoApic;
class LocalApic;
class Machine;
class PicPair;

// One event or request that waits: where it is, and everything that holds it there.
struct PendingRow {
  struct Reason {
    std::string what;  // "EFLAGS.IF is 0"
    std::string cure;  // what would let it through; empty: nothing that software does
  };
  std::string event;   // "external interrupt"
  std::string source;  // "vector 0x30 of the local APIC"; empty: the CPU itself
  std::string state;   // "comes next", "waits behind a more urgent event", "is held back", ...
  std::vector<Reason> blocked_by;
};

// The chips that a CPU's interrupts pass.
struct InterruptChips {
  const LocalApic& local_apic;
  const IoApic& io_apic;
  const PicPair& pic;
};

// The events at the CPU's instruction boundary, the most urgent first; then requests that do not get as far.
// Changes nothing.
std::vector<PendingRow> pending_rows(const Cpu& cpu, const InterruptChips& chips);
// A section of a sheet for the CPU.
void add_pending(Sheet& sheet, const Cpu& cpu, const std::vector<PendingRow>& rows);

// The same of one CPU of a machine, and of all.
Sheet pending_sheet(Machine& machine, unsigned cpu);
Sheet pending_sheet(Machine& machine);
// The first that waits, for the end of a line: "; IRQ 4 (the 8259A pair) waits: bit 4 of the master's IMR is
// 1". Empty: nothing does.
std::string pending_summary(Machine& machine);

}  // namespace ringside
