// Owns the tests of what waits at an instruction boundary under VMX: VM exits in the place of a delivery,
// windows, virtual interrupts, INIT in root operation.
#include "cpu/exec/guest/pending_events.h"

#include "tests/exec/small_machine.h"
#include "tests/vmx/guest_box.h"
#include "vmx/apic_virtualization.h"

using namespace ringside;

namespace {

struct WaitingGuest : GuestBox {
  WaitingGuest() {
    vmx.current = &vmx.activate(memory, HostPhys(0xe000));
    cpu.attention = 0;
    cpu.interrupts = &interrupts;
  }
  PendingEvent event(std::string_view name) {
    for (const PendingEvent& pending : pending_events(cpu)) {
      if (pending.event->name == name) return pending;
    }
    FAIL("does not wait: ", std::string(name));
    return {};
  }
  FakeInterrupts interrupts;
};

}  // namespace

TEST_CASE("with external-interrupt exiting an interrupt leaves the guest, whatever EFLAGS.IF is") {
  WaitingGuest box;
  box.interrupts.waiting = 0x40;
  CHECK(box.event("external interrupt").blocked_by ==
        std::vector<const Blocking*>{&boundary::interrupt_flag_of_external});
  CHECK(box.event("external interrupt").exit == no_exit);
  box.set(VmxControl::external_interrupt_exiting);
  CHECK(box.event("external interrupt").state == PendingEvent::State::next);
  CHECK(box.event("external interrupt").exit == ExitReason::external_interrupt);
  box.cpu.interrupt_shadow = Shadow::sti;
  CHECK(box.event("external interrupt").blocked_by == std::vector<const Blocking*>{&boundary::by_sti});
}

TEST_CASE("NMIs leave a guest with NMI exiting, traps by the exception bitmap") {
  WaitingGuest box;
  box.cpu.nmi_pending = true;
  box.cpu.pending_debug = Dr6::BS;
  CHECK(box.event("NMI").exit == no_exit);
  CHECK(box.event("debug trap").exit == no_exit);
  box.set(VmxControl::nmi_exiting);
  box.vmx.controls.exception_bitmap = 1 << 1;
  CHECK(box.event("NMI").exit == ExitReason::exception_or_nmi);
  CHECK(box.event("NMI").state == PendingEvent::State::behind);
  CHECK(box.event("debug trap").exit == ExitReason::exception_or_nmi);
}

TEST_CASE("windows wait for what they are windows of") {
  WaitingGuest box;
  box.set(VmxControl::interrupt_window_exiting);
  box.set(VmxControl::nmi_window_exiting);
  box.vmx.virtual_nmi_blocked = true;
  CHECK(box.event("interrupt window").blocked_by == std::vector<const Blocking*>{&boundary::interrupt_flag});
  CHECK(box.event("NMI window").blocked_by == std::vector<const Blocking*>{&boundary::by_virtual_nmi});
  box.vmx.virtual_nmi_blocked = false;
  box.cpu.set_eflags(Eflags::IF, Eflags::IF);
  CHECK(box.event("NMI window").state == PendingEvent::State::next);
  CHECK(box.event("NMI window").exit == ExitReason::nmi_window);
  CHECK(box.event("interrupt window").state == PendingEvent::State::behind);
  CHECK(box.event("interrupt window").exit == ExitReason::interrupt_window);
  box.cpu.activity = Activity::wait_for_sipi;
  CHECK(box.event("NMI window").blocked_by == std::vector<const Blocking*>{&boundary::wait_for_sipi});
}

TEST_CASE("a virtual interrupt waits for the virtual processor priority, then for EFLAGS.IF") {
  WaitingGuest box;
  box.set(VmxControl::tpr_shadow);
  box.set(VmxControl::virtual_interrupt_delivery);
  const auto begin = [&](u8 requested, u8 servicing) {
    box.vmx.current->set(Field::GUEST_INTERRUPT_STATUS, requested | u64{servicing} << 8);
    begin_apic_virtualization(box.cpu);
  };
  begin(0x45, 0x41);
  CHECK(box.event("virtual interrupt").blocked_by ==
        std::vector<const Blocking*>{&boundary::not_above_vppr, &boundary::interrupt_flag});
  begin(0x51, 0x41);
  CHECK(box.event("virtual interrupt").blocked_by == std::vector<const Blocking*>{&boundary::interrupt_flag});
  box.cpu.set_eflags(Eflags::IF, Eflags::IF);
  CHECK(box.event("virtual interrupt").state == PendingEvent::State::next);
  box.set(VmxControl::interrupt_window_exiting);
  begin(0x51, 0x41);
  CHECK(box.event("virtual interrupt").blocked_by == std::vector<const Blocking*>{&boundary::not_evaluated});
}

TEST_CASE("the timer and the monitor trap flag wait in no state but wait-for-SIPI and shutdown") {
  WaitingGuest box;
  box.vmx.timer_expired = box.vmx.mtf_pending = true;
  CHECK(box.event("monitor trap").exit == ExitReason::monitor_trap_flag);
  CHECK(box.event("monitor trap").state == PendingEvent::State::next);
  CHECK(box.event("VMX-preemption timer").exit == ExitReason::preemption_timer_expired);
  box.cpu.activity = Activity::shutdown;
  CHECK(box.event("monitor trap").blocked_by == std::vector<const Blocking*>{&boundary::shutdown});
  CHECK(box.event("VMX-preemption timer").state == PendingEvent::State::next);
}

TEST_CASE("an INIT waits in VMX root operation, and leaves a guest") {
  WaitingGuest box;
  box.cpu.attention |= Attention::init;
  CHECK(box.event("INIT").exit == ExitReason::init_signal);
  box.cpu.activity = Activity::wait_for_sipi;
  CHECK(box.event("INIT").blocked_by == std::vector<const Blocking*>{&boundary::guest_waits_for_sipi});
  box.cpu.activity = Activity::active;
  box.cpu.attention = 0;
  box.cpu.non_root = false;
  box.vmx.init_pending = true;
  CHECK(box.event("INIT").blocked_by == std::vector<const Blocking*>{&boundary::vmx_root});
  CHECK(box.event("INIT").exit == no_exit);
}
