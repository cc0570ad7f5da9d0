// Owns what a breakpoint is: what it waits for, and what has become of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/vmx_event.h"
#include "frontend/inspect/writers.h"

namespace ringside {

struct Place {
  AddressSpace space = AddressSpace::linear;
  u64 value = 0;
  // The VMCS region that guest_linear and guest_physical are meant for; nullopt: the current one.
  std::optional<u64> vmcs = std::nullopt;
};

struct Breakpoint {
  enum class Kind : u8 {
    execute,        // before the instruction at `at`
    watch,          // after an access to `bytes` bytes at `at`
    exit_reason,    // a VM exit with basic exit reason `number`, or any
    failed_entry,   // a VM entry that was refused
    vm_failure,     // a VMX instruction that fails: with VM-instruction error `number` (0: VMfailInvalid),
                    // with #UD or #GP (`vm_fault`), or any
    vmwrite,        // of the field with encoding `number`, or any
    msr,            // RDMSR or WRMSR of `number`, or any
    port,           // an access to a port from `number` to `last`, or any
    exception,      // delivery of vector `number`, or any
    interrupt,      // delivery of the interrupt `number`, or any
    ept_violation,  // an EPT violation at a guest-physical address from `number` to `last`, or any
  };
  static constexpr u64 vm_fault = ~u64{0};
  Kind kind = Kind::execute;
  Place at;
  u64 bytes = 1;                           // of watch: 1 to 4096
  bool on_read = false, on_write = false;  // of watch, msr and port
  bool any = false;
  u64 number = 0, last = 0;

  bool enabled = true;
  bool temporary = false;       // removed once it has stopped the machine
  std::optional<unsigned> cpu;  // only there; nullopt: everywhere
  std::string condition;        // an expression; empty: always
  u64 ignore = 0;               // hits still to be passed over
  u64 hits = 0;                 // those passed over included, those whose condition did not hold not
  std::string text;             // as the user wrote it; for lists
  unsigned id = 0;              // given by Debugger::add
};

// "execute", "watch write", "exit reason 48 (EPT violation)", ... : for lists, with the address.
std::string describe(const Breakpoint& breakpoint);

}  // namespace ringside
