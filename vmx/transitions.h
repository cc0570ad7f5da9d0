// Owns the declarations of VM entry and VM exit: what they do to the CPU's state and to the VMCS. The
// manual's "VM Entries" and "VM Exits".
#pragma once

#include "vmx/rules.h"

namespace ringside {

struct EntryResult {
  enum class Kind : u8 {
    entered,     // the guest's state is loaded; cpu.non_root; `inject` says what to deliver first
    fail_valid,  // nothing changed; `error` for the VM-instruction error field
    exited,      // entry failure (reason 33, 34): host state is loaded as by a VM exit
    aborted,     // VMX abort: the CPU is in shutdown
  };
  Kind kind = Kind::entered;
  u8 error = 0;
  const Rule* rule = nullptr;  // what was broken
  u32 inject = 0, inject_error = 0,
      inject_length = 0;  // the VM-entry interruption fields, with the valid bit
};

// VMLAUNCH and VMRESUME after their own checks, on the current VMCS. Saves nothing of the host.
EntryResult enter_guest(Cpu& cpu);

// A VM exit: saves the guest's state at cpu.rip (for fault-like exits the instruction that caused it), loads
// the host's. False: VMX abort.
bool leave_guest(Cpu& cpu, const ExitInfo& exit);

}  // namespace ringside
