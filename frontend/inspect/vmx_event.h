// Owns what VMX did last on a CPU, and VMX instructions that failed in words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "frontend/inspect/sheet.h"
#include "vmx/vmx.h"

namespace ringside {

struct Rule;

// What VMX did last on a CPU. Members that are of other kinds are left over from earlier events.
struct VmxEvent {
  enum class Kind : u8 { entered, exited, refused, failed, faulted } kind = Kind::entered;
  u64 count = 0;                 // instructions that the CPU had retired
  std::optional<ExitInfo> exit;  // of refused, if there was an exit; else see Vmx::exit
  const Rule* rule = nullptr;    // of refused: the first that was broken
  unsigned error = 0;            // of failed: the VM-instruction error; 0: VMfailInvalid
  Sheet broken;                  // of refused: every rule that was broken, explained; taken when it happened
  std::string words;             // of failed and faulted: all that there is to say
};

// "VMfailValid 12: ...", "VMfailInvalid: ..."; "#UD: CR4.VMXE is 0".
std::string vm_failure_text(unsigned error);
std::string vm_fault_text(Vector vector, std::string_view why);

}  // namespace ringside
