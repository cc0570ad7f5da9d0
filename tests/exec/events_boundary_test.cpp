// Owns the tests of instruction boundaries: priorities, shadows, NMI, halting, INIT and SIPI, debug traps.
#include <doctest/doctest.h>

#include "cpu/exec/core/debug_traps.h"
#include "tests/exec/small_machine.h"

using namespace ringside;

namespace {

struct BoundaryMachine : SmallMachine {
  BoundaryMachine() {
    long_mode();
    cpu.attention = 0;
  }
  void raise_interrupt(u8 vector) {
    interrupts.waiting = vector;
    cpu.attention |= Attention::interrupt;
  }
};

}  // namespace

TEST_CASE("traps come before NMI, NMI before interrupts; each is an instruction") {
  BoundaryMachine m;
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  m.raise_interrupt(0x40);
  m.cpu.attention |= Attention::nmi;
  raise_debug_trap(m.cpu, Dr6::BS);
  m.cpu.budget = 1;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(1));
  CHECK(m.cpu.budget == 0);
  CHECK((m.cpu.dr6 & Dr6::BS) != 0);
  CHECK(m.cpu.nmi_pending);
  m.cpu.budget = 10;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(2));
  CHECK(m.cpu.nmi_blocked);
  CHECK(m.interrupts.taken == 0);
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  m.cpu.budget = 10;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(0x40));
}

TEST_CASE("IF and the shadows hold interrupts off") {
  BoundaryMachine m;
  m.raise_interrupt(0x40);
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::code);
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  CHECK((m.cpu.attention & Attention::interrupt) != 0);
  m.cpu.interrupt_shadow = Shadow::sti;
  m.cpu.attention |= Attention::shadow;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::code);
  after_alone(m.cpu, false, Shadow::sti);
  CHECK(m.cpu.interrupt_shadow == 0);
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(0x40));
}

TEST_CASE("MOV SS holds off NMI and traps too; a second one does not go on") {
  BoundaryMachine m;
  m.cpu.interrupt_shadow = Shadow::mov_ss;
  m.cpu.attention |= Attention::shadow | Attention::nmi;
  raise_debug_trap(m.cpu, Dr6::B0);
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::code);
  m.cpu.interrupt_shadow = Shadow::mov_ss;  // the next instruction was another MOV SS
  after_alone(m.cpu, false, Shadow::mov_ss);
  m.cpu.budget = 10;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(2));  // after the trap, before its handler's first instruction
}

TEST_CASE("a second NMI waits for IRET") {
  BoundaryMachine m;
  m.cpu.attention |= Attention::nmi;
  m.cpu.budget = 5;
  CHECK(service_boundary(m.cpu));
  m.cpu.rip = 0x77;
  m.cpu.attention |= Attention::nmi;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == 0x77);
  CHECK(m.cpu.nmi_pending);
  CHECK((m.cpu.attention & Attention::nmi) == 0);
}

TEST_CASE("HLT wakes for what can be delivered") {
  BoundaryMachine m;
  const auto halt = [&] {
    m.cpu.activity = Activity::hlt;
    m.cpu.attention |= Attention::activity;
  };
  halt();
  CHECK_FALSE(service_boundary(m.cpu));
  m.raise_interrupt(0x40);
  CHECK_FALSE(service_boundary(m.cpu));
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.activity == Activity::active);
  CHECK(m.cpu.rip == at::handler(0x40));
  CHECK((m.cpu.attention & Attention::activity) == 0);
  halt();
  m.cpu.attention |= Attention::nmi;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(2));
}

TEST_CASE("MWAIT wakes for an interrupt that IF masks, without taking it") {
  BoundaryMachine m;
  m.cpu.activity = Activity::mwait;
  m.cpu.attention |= Attention::activity;
  CHECK_FALSE(service_boundary(m.cpu));
  m.raise_interrupt(0x40);
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::code);
  CHECK(m.cpu.activity == Activity::active);
}

TEST_CASE("shutdown ends by NMI or INIT, not by an interrupt") {
  BoundaryMachine m;
  m.cpu.activity = Activity::shutdown;
  m.cpu.attention |= Attention::activity;
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  m.raise_interrupt(0x40);
  CHECK_FALSE(service_boundary(m.cpu));
  m.cpu.attention |= Attention::init;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == 0xfff0);
}

TEST_CASE("INIT and SIPI") {
  BoundaryMachine m;
  m.cpu.index = 1;
  m.cpu.attention |= Attention::start_up;  // nobody waits for it: lost
  CHECK(service_boundary(m.cpu));
  m.cpu.attention |= Attention::init;
  CHECK_FALSE(service_boundary(m.cpu));
  CHECK(m.cpu.activity == Activity::wait_for_sipi);
  CHECK((m.cpu.cr0 & Cr0::PE) == 0);
  m.raise_interrupt(0x40);
  m.cpu.attention |= Attention::nmi;
  CHECK_FALSE(service_boundary(m.cpu));
  m.cpu.nmi_pending = false;
  m.cpu.attention &= ~Attention::nmi;
  m.cpu.sipi_vector = 0x9a;
  m.cpu.attention |= Attention::start_up;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.segment[CS].selector == 0x9a00);
  CHECK(m.cpu.segment[CS].base == 0x9a000);
  CHECK(m.cpu.rip == 0);
}

TEST_CASE("INIT with a SIPI right behind it: both are taken at one boundary") {
  BoundaryMachine m;
  m.cpu.index = 1;
  m.cpu.gpr[RAX] = 5;
  m.cpu.sipi_vector = 0x08;
  m.cpu.attention |= Attention::init | Attention::start_up;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.activity == Activity::active);
  CHECK(m.cpu.gpr[RAX] == 0);
  CHECK(m.cpu.segment[CS].base == 0x8000);
}

TEST_CASE("instruction breakpoints fault once; RF lets the instruction through") {
  BoundaryMachine m;
  m.cpu.dr[2] = at::code;
  CHECK(check_instruction_breakpoint(m.cpu));  // not enabled
  m.cpu.dr7 |= 0x20;                           // G2, execution
  m.cpu.update_debug();
  CHECK_FALSE(check_instruction_breakpoint(m.cpu));
  CHECK(m.cpu.fault.vector == Vector::DB);
  CHECK(m.cpu.fault.address == Dr6::B2);
  deliver_fault(m.cpu);
  CHECK(m.cpu.rip == at::handler(1));
  CHECK((m.cpu.dr6 & 15) == Dr6::B2);
  CHECK((m.get(m.cpu.gpr[RSP] + 16) & Eflags::RF) == 0);
  m.cpu.rip = at::code;
  m.cpu.set_eflags(Eflags::RF, Eflags::RF);
  CHECK(check_instruction_breakpoint(m.cpu));
  CHECK_FALSE(m.cpu.flag(Eflags::RF));
  CHECK_FALSE(check_instruction_breakpoint(m.cpu));
  m.cpu.interrupt_shadow = Shadow::mov_ss;
  CHECK(check_instruction_breakpoint(m.cpu));
}

TEST_CASE("#DB clears DR7.GD; general detect saves RF") {
  BoundaryMachine m;
  m.cpu.dr7 |= Dr7::GD;
  m.cpu.raise(Vector::DB, 0, Dr6::BD);
  deliver_fault(m.cpu);
  CHECK((m.cpu.dr7 & Dr7::GD) == 0);
  CHECK((m.cpu.dr6 & Dr6::BD) != 0);
  CHECK((m.get(m.cpu.gpr[RSP] + 16) & Eflags::RF) != 0);
}

TEST_CASE("I/O breakpoints need CR4.DE and overlap") {
  BoundaryMachine m;
  m.cpu.dr[0] = 0x3f8;
  m.cpu.dr7 = Dr7::fixed_one | 1 | 2 << 16 | 3 << 18;  // four ports
  CHECK(io_breakpoints_met(m.cpu, 0x3f8, 1) == 0);
  m.cpu.cr4 |= Cr4::DE;
  CHECK(io_breakpoints_met(m.cpu, 0x3f8, 1) == 1);
  CHECK(io_breakpoints_met(m.cpu, 0x3fb, 2) == 1);
  CHECK(io_breakpoints_met(m.cpu, 0x3f7, 1) == 0);
  CHECK(io_breakpoints_met(m.cpu, 0x3f7, 2) == 1);
  CHECK(io_breakpoints_met(m.cpu, 0x3fc, 1) == 0);
}

TEST_CASE("single step traps after the instruction, not after INT n took TF away") {
  BoundaryMachine m;
  after_alone(m.cpu, true, 0);
  CHECK(m.cpu.pending_debug == Dr6::BS);
  m.cpu.pending_debug = 0;
  m.cpu.set_eflags(Eflags::TF, Eflags::TF);
  REQUIRE(software_interrupt(m.cpu, EventType::software_interrupt, 0x80, 0x77));
  after_alone(m.cpu, true, 0);
  CHECK(m.cpu.pending_debug == 0);
}
