// Owns what happens between two instructions: INIT and SIPI, traps, NMI, interrupts, shadows, waking up.
#include "cpu/exec/guest/instruction_boundary.h"

#include "cpu/exec/events/deliver.h"
#include "cpu/exec/guest/boundary_events.h"
#include "cpu/exec/guest/guest_boundary.h"
#include "vmx/vmx.h"

namespace ringside {

bool interrupt_pending(const Cpu& cpu) { return cpu.interrupts && cpu.interrupts->pending(); }

void wake(Cpu& cpu) {
  cpu.activity = Activity::active;
  cpu.attention &= ~Attention::activity;
  cpu.monitor_armed = false;
}

namespace {

void take_init(Cpu& cpu) {
  // A SIPI that waits beside the INIT came after it: whoever signals an INIT takes an older SIPI away.
  const u32 kept = cpu.attention & (Attention::stop | Attention::start_up);
  const u8 vector = cpu.sipi_vector;
  cpu.reset(true);
  cpu.attention |= kept;
  if (kept & Attention::start_up) cpu.sipi_vector = vector;
}

// INIT is blocked in VMX root operation. It is kept where it asks for no attention until VM entry or VMXOFF.
void hold_init(Cpu& cpu) {
  cpu.attention &= ~Attention::init;
  cpu.vmx->init_pending = true;
}

// Only a CPU that waits for it takes a SIPI; others ignore it.
void take_start_up(Cpu& cpu) {
  cpu.attention &= ~Attention::start_up;
  if (cpu.activity != Activity::wait_for_sipi) return;
  Segment& cs = cpu.segment[CS];
  cs.selector = static_cast<u16>(cpu.sipi_vector << 8);
  cs.base = u64{cpu.sipi_vector} << 12;
  cs.update();
  cpu.rip = cpu.next_rip = 0;
  cpu.update_mode();
  wake(cpu);
}

}  // namespace

bool nmi_deliverable(const Cpu& cpu) {
  return (cpu.nmi_pending || (cpu.attention & Attention::nmi)) && !cpu.nmi_blocked &&
         !(cpu.interrupt_shadow & Shadow::mov_ss);
}
bool interrupt_deliverable(const Cpu& cpu) {
  return (cpu.attention & Attention::interrupt) && cpu.flag(Eflags::IF) && !cpu.interrupt_shadow &&
         interrupt_pending(cpu);
}
bool trap_deliverable(const Cpu& cpu) {
  return cpu.pending_debug && !(cpu.interrupt_shadow & Shadow::mov_ss);
}

void take_trap(Cpu& cpu) {
  cpu.fault = Fault::exception(Vector::DB, 0, cpu.pending_debug);
  cpu.pending_debug = 0;
  deliver_fault(cpu);
}
void take_nmi(Cpu& cpu) {
  cpu.nmi_pending = false;
  cpu.nmi_blocked = true;
  deliver_or_chain(cpu, {EventType::nmi, static_cast<u8>(Vector::NMI)});
}
void take_interrupt(Cpu& cpu) {
  deliver_or_chain(cpu, {EventType::external_interrupt, cpu.interrupts->acknowledge()});
}

namespace {

// Whether a CPU that is not active goes on now.
bool wakes(Cpu& cpu) {
  const bool nmi = nmi_deliverable(cpu);
  switch (cpu.activity) {
    case Activity::active: return true;
    case Activity::hlt: return nmi || trap_deliverable(cpu) || interrupt_deliverable(cpu);
    // MWAIT may end for any reason; software looks again why.
    case Activity::mwait: return nmi || trap_deliverable(cpu) || interrupt_pending(cpu);
    case Activity::shutdown: return nmi;
    case Activity::wait_for_sipi: return false;
  }
  return true;
}

// Bits of causes that are gone, or that whoever lets them through again will raise again: set_eflags for IF,
// IRET for NMI.
void clear_settled(Cpu& cpu) {
  u32 settled = Attention::smi;  // no system-management mode here
  if (!cpu.pending_debug) settled |= Attention::trap;
  if (!interrupt_pending(cpu) || (!cpu.flag(Eflags::IF) && cpu.activity != Activity::mwait))
    settled |= Attention::interrupt;
  if (!cpu.interrupt_shadow) settled |= Attention::shadow;
  if (cpu.attention & Attention::nmi) cpu.nmi_pending = true;
  if (!cpu.nmi_pending || cpu.nmi_blocked) settled |= Attention::nmi;
  if (!cpu.flag(Eflags::VIF) || !cpu.flag(Eflags::VIP)) settled |= Attention::virtual_interrupt;
  cpu.attention &= ~settled;
}

}  // namespace

// VIF and VIP both set at the beginning of an instruction are #GP(0): "Class 2: Maskable Hardware Interrupt
// Handling in Virtual-8086 Mode Using the Virtual Interrupt Mechanism" and "Protected-Mode Virtual
// Interrupts".
bool virtual_interrupt_due(const Cpu& cpu) {
  const u64 enable = cpu.mode.v86 ? Cr4::VME : Cr4::PVI;
  return (cpu.attention & Attention::virtual_interrupt) && cpu.flag(Eflags::VIF) && cpu.flag(Eflags::VIP) &&
         (cpu.cr4 & enable) && cpu.cpl == 3 && cpu.iopl() < 3;
}

void take_virtual_interrupt_fault(Cpu& cpu) {
  cpu.raise(Vector::GP, 0);
  deliver_fault(cpu);
  cpu.interrupt_shadow = 0;
  cpu.budget -= 1;
}

namespace {

// The most urgent event, in the order of the manual's "Priority Among Concurrent Events". False: none.
bool take_event(Cpu& cpu) {
  if (trap_deliverable(cpu))
    take_trap(cpu);
  else if (nmi_deliverable(cpu))
    take_nmi(cpu);
  else if (interrupt_deliverable(cpu))
    take_interrupt(cpu);
  else
    return false;
  return true;
}

}  // namespace

bool service_boundary(Cpu& cpu) {
  if (cpu.attention & Attention::stop) return false;
  if (cpu.non_root) return service_guest_boundary(cpu);
  if (cpu.attention & Attention::init) {
    if (cpu.vmx_operation)
      hold_init(cpu);
    else
      take_init(cpu);
  }
  if (cpu.attention & Attention::start_up) take_start_up(cpu);
  // An event, and what is more urgent than the first instruction of its handler; each counts as one
  // instruction.
  do {
    if (cpu.attention & Attention::nmi) cpu.nmi_pending = true;
    if (cpu.activity != Activity::active) {
      if (!wakes(cpu)) {
        clear_settled(cpu);
        return false;
      }
      wake(cpu);
    }
    if (!take_event(cpu)) break;
    cpu.attention &= ~Attention::nmi;
    cpu.interrupt_shadow = 0;
    cpu.budget -= 1;
  } while (cpu.budget > 0);
  if (cpu.budget > 0 && virtual_interrupt_due(cpu)) take_virtual_interrupt_fault(cpu);
  clear_settled(cpu);
  return cpu.activity == Activity::active;
}

}  // namespace ringside
