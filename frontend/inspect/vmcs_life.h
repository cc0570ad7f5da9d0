// Owns the life cycle of all VMCS regions as values: which CPU has which active, current and launched, which
// were cleared, where and when, and who wrote a field before that.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"
#include "frontend/machine/machine.h"
#include "vmx/vmx.h"

namespace ringside {

// A region as some CPU knows it.
struct KnownVmcs {
  const Cpu* cpu = nullptr;
  const Vmcs* vmcs = nullptr;
  const Vmx::Former* former = nullptr;  // nullptr: it is active there
};
// Of all CPUs, in their order; of each those that are active first, the one used last before others.
std::vector<KnownVmcs> known_vmcses(Machine& machine);
// Active anywhere, else the record of the CPU that knew most of it; nullopt: no CPU knew it.
std::optional<KnownVmcs> find_vmcs(Machine& machine, u64 region);

// The table of all of them, with the VMXON regions.
Sheet vmcs_life_sheet(Machine& machine, const Symbols* symbols = nullptr);

// Who gave a field its value before the region was cleared, if it has it still: "VMWRITE at RIP 0x1000
// (instruction 42 of CPU 0), before a VMCLEAR". Empty: nobody knows.
std::string former_writer_text(Machine& machine, const Vmcs& vmcs, Field field, const Symbols* symbols);

}  // namespace ringside
