// Owns the taking of each event of the instruction boundary. The manual's "Interrupt and Exception Handling",
// "Other Causes of VM Exits" and "Features Specific to VMX Non-Root Operation".
#include "cpu/exec/guest/boundary_events.h"

#include "cpu/exec/events/deliver.h"
#include "cpu/exec/guest/vm_exit.h"
#include "vmx/apic_virtualization.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

// Always true: something was taken.
bool exit_with(Cpu& cpu, const ExitInfo& exit) {
  cpu.vmx->exit = exit;
  take_vm_exit(cpu);
  return true;
}
bool exit_with(Cpu& cpu, ExitReason reason, VmxControl control = VmxControl::count, u64 qualification = 0) {
  ExitInfo exit;
  exit.reason = reason;
  exit.qualification = qualification;
  if (control != VmxControl::count) exit.cause = {ExitCause::Kind::control, control};
  return exit_with(cpu, exit);
}

// Always true.
bool deliver_now(Cpu& cpu, const Event& event) {
  take_exit_of(cpu, deliver_or_chain(cpu, event));
  return true;
}

// An interrupt disarms a guest's MONITOR even where nothing slept.
void wake_for_interrupt(Cpu& cpu) {
  if (cpu.non_root || cpu.activity != Activity::active) wake(cpu);
}

bool guest_has(const Cpu& cpu, VmxControl control) { return cpu.non_root && cpu.vmx->controls.has(control); }

}  // namespace

void wake(Cpu& cpu) {
  cpu.activity = Activity::active;
  cpu.attention &= ~Attention::activity;
  cpu.monitor_armed = false;
}

bool take_init(Cpu& cpu) {
  if (cpu.non_root) {
    cpu.attention &= ~Attention::init;
    return exit_with(cpu, ExitReason::init_signal);
  }
  // A SIPI that waits beside the INIT came after it: whoever signals an INIT takes an older SIPI away.
  const u32 kept = cpu.attention & (Attention::stop | Attention::start_up);
  const u8 vector = cpu.sipi_vector;
  cpu.reset(true);
  cpu.attention |= kept;
  if (kept & Attention::start_up) cpu.sipi_vector = vector;
  return false;
}

bool take_apic_trap(Cpu& cpu) {
  ExitInfo exit;
  return take_trap_exit(cpu, exit) && exit_with(cpu, exit);
}

// Only a CPU that waits for it takes a SIPI; others ignore it.
bool take_start_up(Cpu& cpu) {
  cpu.attention &= ~Attention::start_up;
  if (cpu.activity != Activity::wait_for_sipi) return false;
  if (cpu.non_root) return exit_with(cpu, ExitReason::start_up_ipi, VmxControl::count, cpu.sipi_vector);
  Segment& cs = cpu.segment[CS];
  cs.selector = static_cast<u16>(cpu.sipi_vector << 8);
  cs.base = u64{cpu.sipi_vector} << 12;
  cs.update();
  cpu.rip = cpu.next_rip = 0;
  cpu.update_mode();
  wake(cpu);
  return false;
}

bool take_monitor_trap(Cpu& cpu) {
  return exit_with(cpu, ExitReason::monitor_trap_flag, VmxControl::monitor_trap_flag);
}

bool take_debug_trap(Cpu& cpu) {
  if (!cpu.non_root && cpu.activity != Activity::active) wake(cpu);
  cpu.fault = Fault::exception(Vector::DB, 0, cpu.pending_debug);
  cpu.pending_debug = 0;
  take_exit_of(cpu, deliver_fault(cpu));
  return true;
}

bool take_preemption_timer(Cpu& cpu) {
  return exit_with(cpu, ExitReason::preemption_timer_expired, VmxControl::preemption_timer);
}

bool take_nmi_window(Cpu& cpu) {
  return exit_with(cpu, ExitReason::nmi_window, VmxControl::nmi_window_exiting);
}

// An NMI that exits blocks NMIs once the exit has been completed.
bool take_nmi(Cpu& cpu) {
  cpu.attention &= ~Attention::nmi;
  cpu.nmi_pending = false;
  if (!guest_has(cpu, VmxControl::nmi_exiting)) {
    wake_for_interrupt(cpu);
    cpu.nmi_blocked = true;
    return deliver_now(cpu, {EventType::nmi, static_cast<u8>(Vector::NMI)});
  }
  ExitInfo exit;
  exit.reason = ExitReason::exception_or_nmi;
  exit.interruption = Interruption::make(static_cast<u8>(Vector::NMI), EventType::nmi, false);
  exit.cause = {ExitCause::Kind::control, VmxControl::nmi_exiting};
  exit_with(cpu, exit);
  cpu.nmi_blocked = true;
  return true;
}

bool take_interrupt_window(Cpu& cpu) {
  return exit_with(cpu, ExitReason::interrupt_window, VmxControl::interrupt_window_exiting);
}

bool take_virtual_interrupt(Cpu& cpu) {
  wake_for_interrupt(cpu);
  return deliver_now(cpu, {EventType::external_interrupt, acknowledge_virtual_interrupt(cpu)});
}

bool take_external_interrupt(Cpu& cpu) {
  if (!guest_has(cpu, VmxControl::external_interrupt_exiting)) {
    wake_for_interrupt(cpu);
    return deliver_now(cpu, {EventType::external_interrupt, cpu.interrupts->acknowledge()});
  }
  ExitInfo exit;
  exit.reason = ExitReason::external_interrupt;
  exit.cause = {ExitCause::Kind::control, VmxControl::external_interrupt_exiting};
  if (cpu.vmx->controls.has(VmxControl::acknowledge_interrupt)) {
    const u8 vector = cpu.interrupts->acknowledge();
    if (process_posted_interrupts(cpu, vector)) return true;
    exit.interruption = Interruption::make(vector, EventType::external_interrupt, false);
  }
  return exit_with(cpu, exit);
}

bool take_virtual_interrupt_fault(Cpu& cpu) {
  cpu.raise(Vector::GP, 0);
  take_exit_of(cpu, deliver_fault(cpu));
  return true;
}

}  // namespace ringside
