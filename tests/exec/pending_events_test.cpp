// Owns the tests of what waits at an instruction boundary outside VMX non-root operation: each thing that
// holds an event back is named, and names what the boundary does.
#include "cpu/exec/guest/pending_events.h"

#include <doctest/doctest.h>

#include "cpu/exec/core/debug_traps.h"
#include "tests/exec/small_machine.h"

using namespace ringside;

namespace {

struct WaitingMachine : SmallMachine {
  WaitingMachine() {
    long_mode();
    cpu.attention = 0;
    cpu.budget = 100;
  }
  void interrupt(u8 vector = 0x40) {
    interrupts.waiting = vector;
    cpu.attention |= Attention::interrupt;
  }
  // The only event that waits.
  PendingEvent only(std::string_view name) {
    const std::vector<PendingEvent> pending = pending_events(cpu);
    REQUIRE(pending.size() == 1);
    CHECK(pending[0].event->name == name);
    return pending[0];
  }
  // It is held by `what` alone, and the boundary takes nothing.
  void blocked(std::string_view name, const Blocking& what) {
    const PendingEvent event = only(name);
    CHECK(event.state == PendingEvent::State::blocked);
    REQUIRE(event.blocked_by.size() == 1);
    CHECK(event.blocked_by[0] == &what);
    CHECK(!what.cure.empty());
    const u64 before = cpu.rip;
    service_boundary(cpu);
    CHECK(cpu.rip == before);
    CHECK(only(name).blocked_by ==
          event.blocked_by);  // it still waits, whatever became of the attention bits
  }
  // Nothing holds it: the boundary goes to the handler of `vector`.
  void comes(std::string_view name, u8 vector) {
    CHECK(only(name).state == PendingEvent::State::next);
    CHECK(only(name).exit == no_exit);
    CHECK(service_boundary(cpu));
    CHECK(cpu.rip == at::handler(vector));
    CHECK(pending_events(cpu).empty());
  }
};

}  // namespace

TEST_CASE("nothing waits") { CHECK(pending_events(WaitingMachine().cpu).empty()); }

TEST_CASE("an interrupt waits for EFLAGS.IF") {
  WaitingMachine m;
  m.interrupt();
  m.blocked("external interrupt", boundary::interrupt_flag_of_external);
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  m.comes("external interrupt", 0x40);
}

TEST_CASE("an interrupt waits for the end of a shadow") {
  for (const auto& [shadow, blocking] :
       {std::pair{Shadow::sti, &boundary::by_sti}, std::pair{Shadow::mov_ss, &boundary::by_mov_ss}}) {
    WaitingMachine m;
    m.cpu.set_eflags(Eflags::IF, Eflags::IF);
    m.interrupt();
    m.cpu.interrupt_shadow = shadow;
    m.blocked("external interrupt", *blocking);
    m.cpu.interrupt_shadow = 0;
    m.comes("external interrupt", 0x40);
  }
}

TEST_CASE("all that holds an event is named, not only the first") {
  WaitingMachine m;
  m.interrupt();
  m.cpu.interrupt_shadow = Shadow::sti | Shadow::mov_ss;
  const PendingEvent event = m.only("external interrupt");
  CHECK(event.blocked_by == std::vector<const Blocking*>{&boundary::interrupt_flag_of_external,
                                                         &boundary::by_sti, &boundary::by_mov_ss});
}

TEST_CASE("an NMI waits for IRET, and for MOV SS, but not for EFLAGS.IF") {
  WaitingMachine m;
  m.cpu.nmi_pending = true;
  m.cpu.nmi_blocked = true;
  m.blocked("NMI", boundary::by_nmi);
  m.cpu.nmi_blocked = false;
  m.cpu.interrupt_shadow = Shadow::mov_ss;
  m.blocked("NMI", boundary::by_mov_ss);
  m.cpu.interrupt_shadow = 0;
  m.comes("NMI", 2);
}

TEST_CASE("a debug trap waits for the end of a MOV SS") {
  WaitingMachine m;
  raise_debug_trap(m.cpu, Dr6::B0);
  m.cpu.interrupt_shadow = Shadow::mov_ss;
  m.blocked("debug trap", boundary::by_mov_ss);
  m.cpu.interrupt_shadow = 0;
  m.comes("debug trap", 1);
}

TEST_CASE("events come in the order of their priority") {
  WaitingMachine m;
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  m.interrupt();
  m.cpu.nmi_pending = true;
  raise_debug_trap(m.cpu, Dr6::BS);
  const std::vector<PendingEvent> pending = pending_events(m.cpu);
  REQUIRE(pending.size() == 3);
  CHECK(pending[0].event->name == "debug trap");
  CHECK(pending[0].state == PendingEvent::State::next);
  CHECK(pending[1].event->name == "NMI");
  CHECK(pending[1].state == PendingEvent::State::behind);
  CHECK(pending[2].event->name == "external interrupt");
  CHECK(pending[2].state == PendingEvent::State::behind);
}

TEST_CASE("CPUs that wait for a SIPI, or have shut down") {
  WaitingMachine m;
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  m.interrupt();
  m.cpu.activity = Activity::wait_for_sipi;
  m.blocked("external interrupt", boundary::wait_for_sipi);
  m.cpu.activity = Activity::shutdown;
  m.blocked("external interrupt", boundary::shutdown);
  m.cpu.activity = Activity::hlt;
  m.cpu.attention |= Attention::interrupt | Attention::activity;
  m.comes("external interrupt", 0x40);
}

TEST_CASE("a trap at the end of a run does not lose the NMI behind it") {
  WaitingMachine m;
  m.cpu.attention |= Attention::nmi;
  raise_debug_trap(m.cpu, Dr6::BS);
  m.cpu.budget = 1;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(1));
  CHECK((m.cpu.attention & Attention::nmi) != 0);
  m.cpu.budget = 1;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(2));
}
