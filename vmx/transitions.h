// Owns the declarations of VM entry and VM exit: what they do to the CPU's state and to the VMCS. The
// manual's "VM Entries" and "VM Exits".
#pragma once

#include <string>

#include "vmx/refusals.h"
#include "vmx/rules.h"

namespace ringside {

struct EntryResult {
  enum class Kind : u8 {
    entered,     // the guest's state is loaded; cpu.non_root; `inject` says what to deliver first
    fail_valid,  // nothing changed; `why` has the number for the VM-instruction error field
    exited,      // entry failure (reason 33, 34): host state is loaded as by a VM exit
    aborted,     // VMX abort: the CPU is in shutdown
  };
  Kind kind = Kind::entered;
  Refusal why = Refusal::none;      // of fail_valid
  std::vector<const Rule*> broken;  // by the VMCS, in the manual's order; empty if nobody looks
  u32 inject = 0, inject_error = 0,
      inject_length = 0;  // the VM-entry interruption fields, with the valid bit
};

// VMLAUNCH and VMRESUME after their own checks, on the current VMCS. Saves nothing of the host. An entry
// failure is described in cpu.vmx->exit.
EntryResult enter_guest(Cpu& cpu, bool launch);

// A VM exit: saves the guest's state at cpu.rip (for fault-like exits the instruction that caused it), loads
// the host's. False: VMX abort.
bool exit_guest(Cpu& cpu, const ExitInfo& exit);

// Whether an instruction boundary in VMX non-root operation has more to look at than in root operation: what
// Attention::vmx stands for.
bool guest_needs_attention(const Cpu& cpu);

// The second stage and the VPID of the CPU as it is now, in root or non-root operation. For a CPU whose state
// was restored.
void restore_translation(Cpu& cpu);

// VMX-abort indicators.
enum class VmxAbort : u32 {
  storing_guest_msrs = 1,
  host_pdptes = 2,
  loading_host_msrs = 4,
};
// In words, with the MSR that could not be stored or loaded; empty if there was no abort.
std::string abort_reason(const Cpu& cpu);

}  // namespace ringside
