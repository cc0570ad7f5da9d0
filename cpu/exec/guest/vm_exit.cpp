// Owns the act of a VM exit: the state rewritten, the counts kept for explanations, observers told.
#include "cpu/exec/guest/vm_exit.h"

#include "cpu/exec/core/block.h"
#include "cpu/exec/core/retired.h"
#include "vmx/event_exits.h"
#include "vmx/transitions.h"

namespace ringside {

void take_vm_exit(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  vmx.exit_count = vmx.current->last_exit_count = retired(cpu);
  exit_guest(cpu, vmx.exit);
  if (vmx.observers) vmx.observers.tell([&](VmxObserver& o) { o.exited(cpu, vmx.exit); });
}

void take_requested_exit(Cpu& cpu) {
  cpu.shutdown_chain_length = 0;
  complete_exit(cpu, undone_length(cpu));
  take_vm_exit(cpu);
}

}  // namespace ringside
