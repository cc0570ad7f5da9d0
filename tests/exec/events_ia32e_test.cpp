// Owns the tests of event delivery, IRET and system calls in 64-bit mode.
#include <doctest/doctest.h>

#include "cpu/exec/far/far_transfers.h"
#include "tests/exec/small_machine.h"

using namespace ringside;

namespace {

struct LongMachine : SmallMachine {
  LongMachine() { long_mode(); }
  void to_user() { start_at(sel::user64, sel::data3, at::user_code, at::stack3); }
  u64 slot(unsigned n) { return get(cpu.gpr[RSP] + 8 * n); }
};
bool deliver_vector(Cpu& cpu, u8 vector) {
  return delivered(cpu, {EventType::external_interrupt, vector}, cpu.rip);
}

}  // namespace

TEST_CASE("64-bit mode pushes SS:RSP, RFLAGS, CS:RIP and the error code on an aligned stack") {
  LongMachine m;
  m.cpu.gpr[RSP] = at::stack0 - 4;
  m.cpu.set_eflags(Eflags::IF | Eflags::TF | Eflags::CF, ~u64{0});
  REQUIRE(delivered(m.cpu, {EventType::hardware_exception, 13, true, 0x50}, 0x1234));
  CHECK(m.cpu.rip == at::handler(13));
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 16 - 48);
  CHECK(m.slot(0) == 0x50);
  CHECK(m.slot(1) == 0x1234);
  CHECK(m.slot(2) == sel::code64);
  CHECK(m.slot(3) == (Eflags::IF | Eflags::TF | Eflags::CF | Eflags::RF | 2));
  CHECK(m.slot(4) == at::stack0 - 4);
  CHECK(m.slot(5) == sel::data0);
  CHECK(m.cpu.eflags() == (Eflags::CF | 2));
  CHECK((m.cpu.attention & Attention::step) == 0);
  CHECK(m.cpu.segment[SS].selector == sel::data0);
}

TEST_CASE("an inner level takes RSP from the TSS and a null SS") {
  LongMachine m;
  m.to_user();
  REQUIRE(deliver_vector(m.cpu, 0x40));
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.segment[SS].selector == 0);
  CHECK_FALSE(m.cpu.segment[SS].usable());
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 40);
  CHECK(m.slot(0) == at::user_code);
  CHECK(m.slot(4) == sel::data3);
  CHECK(m.cpu.segment[CS].selector == sel::code64);
}

TEST_CASE("the interrupt stack table is used at any level") {
  LongMachine m;
  m.put(at::idt + 16 * 2, gate(sel::code64, at::handler(2), 14, 0, true, 1));
  REQUIRE(delivered(m.cpu, {EventType::nmi, 2}, m.cpu.rip));
  CHECK(m.cpu.gpr[RSP] == at::ist1 - 40);
  CHECK(m.slot(3) == at::stack0);
}

TEST_CASE("interrupt gates clear IF, trap gates keep it") {
  LongMachine m;
  m.put(at::idt + 16 * 0x41, gate(sel::code64, at::handler(0x41), 15, 0));
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  REQUIRE(deliver_vector(m.cpu, 0x41));
  CHECK(m.cpu.flag(Eflags::IF));
  REQUIRE(deliver_vector(m.cpu, 0x40));
  CHECK_FALSE(m.cpu.flag(Eflags::IF));
}

TEST_CASE("gates that cannot be used are refused with their own error codes") {
  LongMachine m;
  const u64 at_gate = at::idt + 16 * 0x40;
  const auto refused = [&](Vector v, u32 error) {
    const u64 rsp = m.cpu.gpr[RSP], rip = m.cpu.rip;
    CHECK_FALSE(deliver_vector(m.cpu, 0x40));
    CHECK(m.cpu.chain_end == ChainEnd::fault);
    CHECK(m.cpu.fault.vector == v);
    CHECK(m.cpu.fault.error == error);
    CHECK(m.cpu.gpr[RSP] == rsp);
    CHECK(m.cpu.rip == rip);
  };
  const u32 own = 0x40 * 8 + 2 + 1;
  SUBCASE("not an interrupt or trap gate") {
    for (unsigned type = 0; type < 14; ++type) {
      m.put(at_gate, gate(sel::code64, at::handler(0x40), type, 0));
      refused(Vector::GP, own);
    }
    m.put(at_gate, gate(sel::code64, at::handler(0x40), 14 | 16, 0));
    refused(Vector::GP, own);
  }
  SUBCASE("not present") {
    m.put(at_gate, gate(sel::code64, at::handler(0x40), 14, 0, false));
    refused(Vector::NP, own);
  }
  SUBCASE("beyond the IDT's limit") {
    m.cpu.idtr.limit = 0x40 * 16 + 14;
    refused(Vector::GP, own);
    m.cpu.idtr.limit = 0x40 * 16 + 15;
    CHECK(deliver_vector(m.cpu, 0x40));
  }
  SUBCASE("null code selector") {
    m.put(at_gate, gate(3, at::handler(0x40), 14, 0));
    refused(Vector::GP, 1);
  }
  SUBCASE("code selector beyond the GDT") {
    m.put(at_gate, gate(0x200, at::handler(0x40), 14, 0));
    refused(Vector::GP, 0x201);
  }
  SUBCASE("no LDT") {
    m.put(at_gate, gate(0x0c, at::handler(0x40), 14, 0));
    refused(Vector::GP, 0x0d);
  }
  SUBCASE("a data segment") {
    m.put(at_gate, gate(sel::data0, at::handler(0x40), 14, 0));
    refused(Vector::GP, sel::data0 | 1);
  }
  SUBCASE("a 32-bit code segment") {
    m.put(at_gate, gate(sel::code0, at::handler(0x40), 14, 0));
    refused(Vector::GP, sel::code0 | 1);
  }
  SUBCASE("a less privileged code segment") {
    m.put(at_gate, gate(sel::user64, at::handler(0x40), 14, 0));
    refused(Vector::GP, (sel::user64 & ~3) | 1);
  }
  SUBCASE("code not present") {
    m.set_descriptor(sel::free0, descriptor(0, 0xfffff, 0x1b | Rights::L));
    m.put(at_gate, gate(sel::free0, at::handler(0x40), 14, 0));
    refused(Vector::NP, sel::free0 | 1);
  }
  SUBCASE("a handler that is not canonical") {
    m.put(at_gate + 8, 0x8000);
    refused(Vector::GP, 1);
  }
  SUBCASE("a stack that is not canonical") {
    m.cpu.gpr[RSP] = u64{1} << 62;
    refused(Vector::SS, 1);
  }
  SUBCASE("a TSS too short for the stack") {
    m.to_user();
    m.cpu.segment[TR].limit = 10;
    refused(Vector::TS, sel::tss | 1);
    m.cpu.segment[TR].limit = 11;
    CHECK(deliver_vector(m.cpu, 0x40));
  }
}

TEST_CASE("software interrupts obey the gate's DPL; the others do not") {
  LongMachine m;
  m.to_user();
  CHECK_FALSE(software_interrupt(m.cpu, EventType::software_interrupt, 0x80, 0x77));
  CHECK(m.cpu.fault.vector == Vector::GP);
  CHECK(m.cpu.fault.error == 0x80 * 8 + 2);
  m.put(at::idt + 16 * 0x80, gate(sel::code64, at::handler(0x80), 14, 3));
  REQUIRE(software_interrupt(m.cpu, EventType::software_interrupt, 0x80, 0x77));
  CHECK(m.slot(0) == 0x77);
  CHECK(m.cpu.next_rip == at::handler(0x80));
  m.to_user();
  CHECK(software_interrupt(m.cpu, EventType::privileged_software_exception, 1, 0x77));
  m.to_user();
  CHECK_FALSE(software_interrupt(m.cpu, EventType::software_exception, 3, 0x77));
}

TEST_CASE("IRETQ undoes a delivery from user mode") {
  LongMachine m;
  m.to_user();
  m.cpu.set_eflags(Eflags::IF | Eflags::CF, Eflags::IF | Eflags::CF);
  m.cpu.segment[FS] = null_segment(0);
  m.cpu.segment[FS].base = 0x12345678;
  REQUIRE(deliver_vector(m.cpu, 0x40));
  m.load(DS, sel::data0);
  REQUIRE(interrupt_return(m.cpu, 8));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.next_rip == at::user_code);
  CHECK(m.cpu.gpr[RSP] == at::stack3);
  CHECK(m.cpu.segment[SS].selector == sel::data3);
  CHECK(m.cpu.segment[CS].selector == sel::user64);
  CHECK(m.cpu.flag(Eflags::IF));
  CHECK(m.cpu.flags.cf());
  CHECK(m.cpu.segment[DS].selector == 0);  // level 0 data does not reach level 3
  CHECK_FALSE(m.cpu.segment[DS].usable());
  CHECK(m.cpu.segment[FS].base == 0x12345678);
}

TEST_CASE("SYSCALL and SYSRET") {
  LongMachine m;
  m.cpu.msr.star = u64{0x28} << 32 | u64{0x20 | 3} << 48;
  m.cpu.msr.lstar = at::handlers;
  m.cpu.msr.fmask = Eflags::IF | Eflags::TF;
  m.to_user();
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  m.cpu.next_rip = 0x20002;
  REQUIRE(syscall(m.cpu));
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.gpr[RCX] == 0x20002);
  CHECK(m.cpu.gpr[R11] == (Eflags::IF | 2));
  CHECK_FALSE(m.cpu.flag(Eflags::IF));
  CHECK(m.cpu.segment[CS].selector == 0x28);
  CHECK(m.cpu.segment[SS].selector == 0x30);
  CHECK(m.cpu.next_rip == at::handlers);
  REQUIRE(sysret(m.cpu, true));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.mode.bits64);
  CHECK(m.cpu.segment[CS].selector == 0x33);
  CHECK(m.cpu.segment[SS].selector == 0x2b);
  CHECK(m.cpu.flag(Eflags::IF));
  CHECK(m.cpu.next_rip == 0x20002);
  CHECK_FALSE(sysret(m.cpu, true));
  CHECK(m.cpu.fault.vector == Vector::GP);
  m.start_at(sel::code64, sel::data0, at::code, at::stack0);
  m.cpu.gpr[RCX] = u64{1} << 47;
  CHECK_FALSE(sysret(m.cpu, true));
  CHECK(m.cpu.fault.vector == Vector::GP);
  REQUIRE(sysret(m.cpu, false));
  CHECK_FALSE(m.cpu.mode.bits64);
  CHECK(m.cpu.mode.code_bits == 32);
  CHECK_FALSE(syscall(m.cpu));  // compatibility mode
  CHECK(m.cpu.fault.vector == Vector::UD);
}

TEST_CASE("a triple fault shuts the CPU down and says why") {
  LongMachine m;
  m.cpu.idtr.limit = 0;
  m.cpu.raise(Vector::PF, 2, 0xdead000);
  deliver_fault(m.cpu);
  CHECK(m.cpu.activity == Activity::shutdown);
  CHECK(m.cpu.cr2 == 0xdead000);
  const std::string why = shutdown_reason(m.cpu);
  CHECK(why ==
        "triple fault: #PF(0x2) for address 0xdead000 at 0028:0x10000, then #GP(0x73) at 0028:0x10000, "
        "then #DF(0x0) at 0028:0x10000, then #GP(0x43) at 0028:0x10000");
  CHECK_FALSE(service_boundary(m.cpu));
}
