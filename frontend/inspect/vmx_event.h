// Owns what VMX did last on a CPU, and VMX instructions that failed in words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"
#include "vmx/vmx.h"

namespace ringside {

struct Rule;

// What VMX did last on a CPU. Members that are of other kinds are left over from earlier events.
struct VmxEvent {
  enum class Kind : u8 { entered, exited, refused, failed, faulted } kind = Kind::entered;
  u64 count = 0;                 // instructions that the CPU had retired
  std::optional<ExitInfo> exit;  // of exited; of refused, if there was an exit
  const Rule* rule = nullptr;    // of refused: the first that was broken
  unsigned error = 0;            // of failed: the VM-instruction error; 0: VMfailInvalid
  // Taken when it happened: of refused, every rule that was broken, explained; of failed and faulted, what
  // was found and what is wanted.
  Sheet broken;
  std::string words;  // of failed and faulted, in one line
};

// "VMfailValid 12: ...", "VMfailInvalid: ...", "#UD: CR4.VMXE is 0": one line.
std::string vm_refusal_text(const VmRefusal& refusal);
// A VM entry that a rule refused: its own event tells more.
bool refused_by_rule(const VmRefusal& refusal);

// Rows in the section that was begun last: the instruction at cpu.rip, which was just refused, with its
// operand, where it stands and who called, the reason, what was found and is wanted, the cure, the manual's
// title. `indent` begins each line that people read.
void add_vm_refusal(Sheet& sheet, const Cpu& cpu, const VmRefusal& refusal, std::string_view indent,
                    const Symbols* symbols);

}  // namespace ringside
