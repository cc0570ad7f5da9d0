// Owns VMCSs as values: every field decoded by area, what a capability or a rule of VM entry forbids marked,
// who wrote it.
#pragma once

#include <string>
#include <vector>

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"
#include "vmx/vmx.h"

namespace ringside {

class FieldWriters;
class Machine;

struct VmcsTextOptions {
  bool writers = true;      // who wrote each field
  bool all_fields = false;  // else fields that are 0, never written and not in use are left out
  bool bits = true;         // control words bit by bit; else the names of bits that are 1
  std::string area;         // "controls", "host", "guest", "injection", "exit"; empty: all
  const Symbols* symbols = nullptr;
  Machine* machine = nullptr;             // to look for who wrote what before a region was cleared
  const FieldWriters* callers = nullptr;  // who called those who wrote
};
Sheet vmcs_sheet(const Cpu& cpu, const Vmcs& vmcs, const VmcsTextOptions& options = {});
// One field at length: value, bits, meaning, limits, writer, the rules that forbid the value.
Sheet field_sheet(const Cpu& cpu, const Vmcs& vmcs, Field field, const VmcsTextOptions& options = {});
// Fields by the beginning or a part of their name, in any case: "guest_cr", "RIP". In the table's order.
std::vector<Field> find_fields(std::string_view part);
// What VMLAUNCH or VMRESUME would say now: every rule that is broken, explained; or that none is.
Sheet check_sheet(const Cpu& cpu, const Vmcs& vmcs, const Symbols* symbols = nullptr,
                  const FieldWriters* callers = nullptr);

// Of the guest that runs or the VMCS that would be entered: "guest of VMCS 0xa000", "root", "VMX off".
std::string operation_text(const Cpu& cpu);

// The last VM exit in words, with the walk for EPT's.
Sheet last_exit_sheet(const Cpu& cpu, const Symbols* symbols = nullptr);
// One whose VMCS is not current any more, because of VMXOFF, VMCLEAR or another VMPTRLD: what is left of it.
// `count`: instructions that the CPU had retired.
Sheet former_exit_sheet(const ExitInfo& exit, u64 count);

}  // namespace ringside
