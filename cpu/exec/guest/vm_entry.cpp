// Owns the act of VM entry: what becomes of its result, and the delivery of the event that it injects. The
// manual's "Event Injection".
#include "cpu/exec/guest/vm_entry.h"

#include "cpu/exec/core/alone.h"
#include "cpu/exec/core/retired.h"
#include "cpu/exec/events/deliver.h"
#include "cpu/exec/guest/vm_exit.h"
#include "vmx/event_exits.h"
#include "vmx/instructions.h"
#include "vmx/transitions.h"

namespace ringside {
namespace {

// Delivered as ever, but without privilege checks of IOPL in virtual-8086 mode, without a trace in DR6 or
// CR2, and with RF as it was loaded.
Outcome deliver_injected(Cpu& cpu, const EntryResult& entry) {
  const Event event{Interruption::type(entry.inject), static_cast<u8>(entry.inject),
                    (entry.inject & Interruption::error_code) != 0, entry.inject_error};
  const u32 length = by_instruction(event.type) ? entry.inject_length : 0;
  // "Interruptibility State": without virtual NMIs blocking is as the field has it, whatever is injected.
  if (event.type == EventType::nmi && cpu.vmx->controls.has(VmxControl::virtual_nmis))
    cpu.vmx->virtual_nmi_blocked = true;
  begin_vectoring(cpu, event, length);
  const u64 after = (cpu.rip + length) & cpu.mode.rip_mask;
  const Delivery d{event, after, cpu.eflags()};
  const bool redirected = cpu.mode.v86 && event.type == EventType::software_interrupt;
  const Alone alone(cpu);  // the entry has happened: nothing may ask to run it again
  const Outcome outcome =
      outcome_of(cpu, redirected ? software_interrupt_in_virtual_8086_mode(cpu, d, true) : deliver(cpu, d));
  if (outcome != Outcome::delivered) {
    const Vector vector = static_cast<Vector>(event.vector);
    return finish_delivery(cpu, outcome, event.type == EventType::hardware_exception ? &vector : nullptr);
  }
  cpu.rip = cpu.next_rip;
  cpu.vmx->vectoring = {};
  tell_entered(cpu, event, after);
  return outcome;
}

void inject(Cpu& cpu, const EntryResult& entry) {
  if (Interruption::type(entry.inject) == EventType::other_event) {
    cpu.vmx->mtf_pending = true;
  } else {
    take_exit_of(cpu, deliver_injected(cpu, entry));
    if (!cpu.non_root) return;
    cpu.vmx->mtf_pending = cpu.vmx->controls.has(VmxControl::monitor_trap_flag);
  }
  if (guest_needs_attention(cpu)) cpu.attention |= Attention::vmx;
}

void tell_refused(Cpu& cpu, const RefusedEntry& entry) {
  cpu.vmx->observers.tell([&](VmxObserver& o) { o.refused(cpu, entry); });
}

}  // namespace

bool enter_and_inject(Cpu& cpu, bool launch) {
  Vmx& vmx = *cpu.vmx;
  const u64 rip = cpu.rip;  // the instruction's, where somebody listens
  const EntryResult entry = enter_guest(cpu, launch);
  switch (entry.kind) {
    case EntryResult::Kind::fail_valid:
      conclude(cpu, VmResult::refuse(entry.why));
      tell_refused(cpu, {entry.broken, nullptr, rip});
      return true;
    case EntryResult::Kind::exited:
    case EntryResult::Kind::aborted:
      vmx.exit_count = retired(cpu);
      tell_refused(cpu, {entry.broken, &vmx.exit, rip});
      break;
    case EntryResult::Kind::entered:
      vmx.entry_count = retired(cpu);
      if (vmx.observers) vmx.observers.tell([&](VmxObserver& o) { o.entered(cpu); });
      if (entry.inject) inject(cpu, entry);
      break;
  }
  cpu.next_rip = cpu.rip;
  return true;
}

}  // namespace ringside
