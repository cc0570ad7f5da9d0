// Owns the acts of APIC virtualization at an instruction boundary.
#include "cpu/exec/guest/virtual_apic.h"

#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/events/deliver.h"
#include "cpu/exec/guest/boundary_events.h"
#include "vmx/apic_virtualization.h"

namespace ringside {
namespace {

bool active_or_halted(const Cpu& cpu) {
  return cpu.activity != Activity::wait_for_sipi && cpu.activity != Activity::shutdown;
}

}  // namespace

bool take_virtual_apic_exit(Cpu& cpu) {
  ExitInfo exit;
  if (!active_or_halted(cpu) || !take_trap_exit(cpu, exit)) return false;
  cpu.vmx->exit = exit;
  take_vm_exit(cpu);
  return true;
}

bool take_virtual_interrupt(Cpu& cpu) {
  if (!virtual_interrupt_recognized(cpu) || !cpu.flag(Eflags::IF) || cpu.interrupt_shadow ||
      !active_or_halted(cpu))
    return false;
  wake(cpu);
  deliver_or_chain(cpu, {EventType::external_interrupt, acknowledge_virtual_interrupt(cpu)});
  return true;
}

bool takes_posted_interrupts(Cpu& cpu, u8 vector) { return process_posted_interrupts(cpu, vector); }

}  // namespace ringside
