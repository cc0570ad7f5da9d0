// Owns what happens between two instructions in VMX non-root operation: the events that exit, the windows,
// the monitor trap flag and the preemption timer. The manual's "Other Causes of VM Exits", "Priority Among
// Concurrent Events" and "Features Specific to VMX Non-Root Operation".
#include "cpu/exec/guest/guest_boundary.h"

#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/guest/boundary_events.h"
#include "cpu/exec/guest/instruction_boundary.h"
#include "cpu/exec/guest/virtual_apic.h"
#include "vmx/transitions.h"

namespace ringside {
namespace {

// Always true: something was taken.
bool leave(Cpu& cpu, const ExitInfo& exit) {
  cpu.vmx->exit = exit;
  take_vm_exit(cpu);
  return true;
}
bool leave(Cpu& cpu, ExitReason reason, VmxControl control = VmxControl::count, u64 qualification = 0) {
  ExitInfo exit;
  exit.reason = reason;
  exit.qualification = qualification;
  if (control != VmxControl::count) exit.cause = {ExitCause::Kind::control, control};
  return leave(cpu, exit);
}

bool waits_for_sipi(const Cpu& cpu) { return cpu.activity == Activity::wait_for_sipi; }
// Instructions run, or would after HLT.
bool active_or_halted(const Cpu& cpu) { return !waits_for_sipi(cpu) && cpu.activity != Activity::shutdown; }

bool take_init(Cpu& cpu) {
  if (!(cpu.attention & Attention::init) || waits_for_sipi(cpu)) return false;
  cpu.attention &= ~Attention::init;
  return leave(cpu, ExitReason::init_signal);
}

// SIPIs are lost but in the state that waits for them.
bool take_start_up(Cpu& cpu) {
  if (!(cpu.attention & Attention::start_up)) return false;
  cpu.attention &= ~Attention::start_up;
  return waits_for_sipi(cpu) && leave(cpu, ExitReason::start_up_ipi, VmxControl::count, cpu.sipi_vector);
}

bool take_monitor_trap(Cpu& cpu) {
  return cpu.vmx->mtf_pending && active_or_halted(cpu) &&
         leave(cpu, ExitReason::monitor_trap_flag, VmxControl::monitor_trap_flag);
}

bool take_debug_trap(Cpu& cpu) {
  if (!trap_deliverable(cpu) || !active_or_halted(cpu)) return false;
  take_trap(cpu);
  return true;
}

bool take_timer(Cpu& cpu) {
  return cpu.vmx->timer_expired && !waits_for_sipi(cpu) &&
         leave(cpu, ExitReason::preemption_timer_expired, VmxControl::preemption_timer);
}

bool take_nmi_window(Cpu& cpu) {
  const Vmx& vmx = *cpu.vmx;
  return vmx.controls.has(VmxControl::nmi_window_exiting) && !vmx.virtual_nmi_blocked &&
         !(cpu.interrupt_shadow & Shadow::mov_ss) && !waits_for_sipi(cpu) &&
         leave(cpu, ExitReason::nmi_window, VmxControl::nmi_window_exiting);
}

// An NMI that exits blocks NMIs once the exit has been completed.
bool take_guest_nmi(Cpu& cpu) {
  if (!nmi_deliverable(cpu) || waits_for_sipi(cpu)) return false;
  cpu.attention &= ~Attention::nmi;
  if (!cpu.vmx->controls.has(VmxControl::nmi_exiting)) {
    wake(cpu);
    take_nmi(cpu);
    return true;
  }
  cpu.nmi_pending = false;
  ExitInfo exit;
  exit.reason = ExitReason::exception_or_nmi;
  exit.interruption =
      Interruption::make(static_cast<u8>(Vector::NMI), static_cast<unsigned>(EventType::nmi), false);
  exit.cause = {ExitCause::Kind::control, VmxControl::nmi_exiting};
  leave(cpu, exit);
  cpu.nmi_blocked = true;
  return true;
}

bool take_interrupt_window(Cpu& cpu) {
  return cpu.vmx->controls.has(VmxControl::interrupt_window_exiting) && cpu.flag(Eflags::IF) &&
         !cpu.interrupt_shadow && active_or_halted(cpu) &&
         leave(cpu, ExitReason::interrupt_window, VmxControl::interrupt_window_exiting);
}

// With external-interrupt exiting EFLAGS.IF blocks nothing.
bool take_guest_interrupt(Cpu& cpu) {
  if (!(cpu.attention & Attention::interrupt) || !active_or_halted(cpu)) return false;
  const ActiveControls& c = cpu.vmx->controls;
  if (!c.has(VmxControl::external_interrupt_exiting)) {
    if (!interrupt_deliverable(cpu)) return false;
    wake(cpu);
    take_interrupt(cpu);
    return true;
  }
  if (cpu.interrupt_shadow || !interrupt_pending(cpu)) return false;
  ExitInfo exit;
  exit.reason = ExitReason::external_interrupt;
  exit.cause = {ExitCause::Kind::control, VmxControl::external_interrupt_exiting};
  if (c.has(VmxControl::acknowledge_interrupt)) {
    const u8 vector = cpu.interrupts->acknowledge();
    if (takes_posted_interrupts(cpu, vector)) return true;
    exit.interruption =
        Interruption::make(vector, static_cast<unsigned>(EventType::external_interrupt), false);
  }
  return leave(cpu, exit);
}

bool take_guest_event(Cpu& cpu) {
  return take_init(cpu) || take_virtual_apic_exit(cpu) || take_start_up(cpu) || take_monitor_trap(cpu) ||
         take_debug_trap(cpu) || take_timer(cpu) || take_nmi_window(cpu) || take_guest_nmi(cpu) ||
         take_interrupt_window(cpu) || take_virtual_interrupt(cpu) || take_guest_interrupt(cpu);
}

// Bits of causes that are gone, or that whoever lets them through again will raise again.
void clear_settled(Cpu& cpu) {
  const ActiveControls& c = cpu.vmx->controls;
  u32 settled = Attention::smi;
  if (!cpu.pending_debug) settled |= Attention::trap;
  const bool masked = !c.has(VmxControl::external_interrupt_exiting) && !cpu.flag(Eflags::IF);
  if (masked || !interrupt_pending(cpu)) settled |= Attention::interrupt;
  if (!cpu.interrupt_shadow) settled |= Attention::shadow;
  if (!cpu.nmi_pending || cpu.nmi_blocked) settled |= Attention::nmi;
  if (!cpu.flag(Eflags::VIF) || !cpu.flag(Eflags::VIP)) settled |= Attention::virtual_interrupt;
  if (!guest_needs_attention(cpu)) settled |= Attention::vmx;
  if (cpu.activity == Activity::active) settled |= Attention::activity;
  cpu.attention &= ~settled;
}

void note_nmi(Cpu& cpu) {
  if (cpu.attention & Attention::nmi) cpu.nmi_pending = true;
}

}  // namespace

bool service_guest_boundary(Cpu& cpu) {
  const bool traps = cpu.vmx->controls.has(VmxControl::monitor_trap_flag);
  note_nmi(cpu);
  while (cpu.budget > 0 && take_guest_event(cpu)) {
    cpu.budget -= 1;
    if (!cpu.non_root) {
      if (cpu.activity != Activity::active) return false;
      return !cpu.attention || cpu.budget <= 0 || service_boundary(cpu);
    }
    cpu.interrupt_shadow = 0;
    cpu.vmx->mtf_pending = traps;  // after the delivery of an event as after an instruction
    note_nmi(cpu);
  }
  if (cpu.budget > 0 && virtual_interrupt_due(cpu)) {
    take_virtual_interrupt_fault(cpu);
    if (!cpu.non_root) return cpu.activity == Activity::active;
  }
  // The instruction that runs next is the one that the monitor trap flag lets through.
  const bool runs = cpu.activity == Activity::active;
  if (traps && runs && cpu.budget > 0) cpu.vmx->mtf_pending = true;
  clear_settled(cpu);
  return runs;
}

}  // namespace ringside
