// Owns the tests of event delivery and IRET in protected, virtual-8086 and real-address mode.
#include <doctest/doctest.h>

#include "cpu/exec/far/far_transfers.h"
#include "tests/exec/small_machine.h"

using namespace ringside;

namespace {

struct ProtectedMachine : SmallMachine {
  ProtectedMachine() { protected_mode(); }
  void to_user() { start_at(sel::code3, sel::data3, at::user_code, at::stack3); }
  // Virtual-8086 mode with CS = 2000h, SS = 3000h and the rest 4000h.
  void to_v86(unsigned iopl) {
    cpu.set_eflags(Eflags::VM | u64{iopl} << 12 | Eflags::IF, Eflags::VM | Eflags::IOPL | Eflags::IF);
    cpu.cpl = 3;
    cpu.update_mode();
    for (const SegReg reg : {ES, CS, SS, DS, FS, GS})
      cpu.segment[reg] = real_mode_segment(cpu, reg, reg == CS ? 0x2000 : reg == SS ? 0x3000 : 0x4000);
    cpu.set_cpl(3);
    cpu.rip = cpu.next_rip = 0x100;
    cpu.gpr[RSP] = 0x8000;
  }
  u32 slot(unsigned n) { return static_cast<u32>(get(cpu.segment[SS].base + cpu.gpr[RSP] + 4 * n, 4)); }
  void refused(bool done, Vector v, u32 error) {
    CHECK_FALSE(done);
    CHECK(cpu.chain_end == ChainEnd::fault);
    CHECK(cpu.fault.vector == v);
    CHECK(cpu.fault.error == error);
  }
  bool external(u8 vector) { return delivered(cpu, {EventType::external_interrupt, vector}, cpu.rip); }
};

}  // namespace

TEST_CASE("a 32-bit gate at the same level pushes EFLAGS, CS, EIP and the error code") {
  ProtectedMachine m;
  m.cpu.set_eflags(Eflags::IF | Eflags::NT, Eflags::IF | Eflags::NT);
  REQUIRE(delivered(m.cpu, {EventType::hardware_exception, 14, true, 6}, 0x4321));
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 16);
  CHECK(m.slot(0) == 6);
  CHECK(m.slot(1) == 0x4321);
  CHECK(m.slot(2) == sel::code0);
  CHECK(m.slot(3) == (Eflags::IF | Eflags::NT | Eflags::RF | 2));
  CHECK(m.cpu.eflags() == 2);
  CHECK(m.cpu.rip == at::handler(14));
}

TEST_CASE("a 16-bit trap gate pushes words, cuts the offset and keeps IF") {
  ProtectedMachine m;
  m.put(at::idt + 8 * 0x40, gate(sel::code0, 0xabc1234, 7, 0));
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  REQUIRE(m.external(0x40));
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 6);
  CHECK(m.get(m.cpu.gpr[RSP], 2) == (at::code & 0xffff));
  CHECK(m.cpu.rip == 0x1234);
  CHECK(m.cpu.flag(Eflags::IF));
}

TEST_CASE("an inner level takes SS:ESP from the TSS, IRET gives it back") {
  ProtectedMachine m;
  m.to_user();
  REQUIRE(m.external(0x40));
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.segment[SS].selector == sel::data0);
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 20);
  CHECK(m.slot(0) == at::user_code);
  CHECK(m.slot(3) == at::stack3);
  CHECK(m.slot(4) == sel::data3);
  m.load(ES, sel::data0);
  REQUIRE(interrupt_return(m.cpu, 4));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.next_rip == at::user_code);
  CHECK(m.cpu.gpr[RSP] == at::stack3);
  CHECK(m.cpu.segment[ES].selector == 0);
  CHECK(m.cpu.segment[DS].selector == sel::data3);
}

TEST_CASE("conforming handlers stay at the level that was interrupted") {
  ProtectedMachine m;
  m.to_user();
  m.put(at::idt + 8 * 0x40, gate(sel::conforming0, at::handler(0x40), 14, 0));
  REQUIRE(m.external(0x40));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.segment[CS].selector == (sel::conforming0 | 3));
  CHECK(m.cpu.gpr[RSP] == at::stack3 - 12);
}

TEST_CASE("the inner stack's faults are #TS and #SS with its selector") {
  ProtectedMachine m;
  m.to_user();
  const auto with_ss = [&](u16 selector) {
    m.put(at::tss + 8, selector, 4);
    return m.external(0x40);
  };
  m.refused(with_ss(0), Vector::TS, 1);
  m.refused(with_ss(0x200), Vector::TS, 0x201);
  m.refused(with_ss(sel::data3), Vector::TS, (sel::data3 & ~3u) | 1);
  m.refused(with_ss(sel::data0 | 1), Vector::TS, sel::data0 | 1);
  m.refused(with_ss(sel::code0), Vector::TS, sel::code0 | 1);
  m.refused(with_ss(sel::read_only), Vector::TS, sel::read_only | 1);
  m.refused(with_ss(sel::not_present), Vector::SS, sel::not_present | 1);
  m.set_descriptor(sel::free0, descriptor(0, 0xff, present_data | Rights::DB));
  m.refused(with_ss(sel::free0), Vector::SS, sel::free0 | 1);
  m.cpu.segment[TR].limit = 8;
  m.refused(with_ss(sel::data0), Vector::TS, sel::tss | 1);
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.gpr[RSP] == at::stack3);
}

TEST_CASE("a stack without room is #SS(0); expand-down segments count from above") {
  ProtectedMachine m;
  m.set_descriptor(sel::free0, descriptor(0, 0xffff, present_data | Rights::DB));
  m.load(SS, sel::free0);
  m.cpu.gpr[RSP] = 8;
  m.refused(m.external(0x40), Vector::SS, 1);
  m.set_descriptor(sel::free0, descriptor(0, 0xfff, present_data | 4 | Rights::DB));
  m.load(SS, sel::free0);
  m.cpu.update_mode();
  m.cpu.gpr[RSP] = 0x100b;
  m.refused(m.external(0x40), Vector::SS, 1);
  m.cpu.gpr[RSP] = 0x100c;
  CHECK(m.external(0x40));
}

TEST_CASE("virtual-8086 mode: the frame holds the data segments, which become null") {
  ProtectedMachine m;
  m.to_v86(0);
  REQUIRE(m.external(0x40));
  CHECK_FALSE(m.cpu.mode.v86);
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 36);
  CHECK(m.slot(0) == 0x100);
  CHECK(m.slot(1) == 0x2000);
  CHECK((m.slot(2) & Eflags::VM) != 0);
  CHECK(m.slot(3) == 0x8000);
  CHECK(m.slot(4) == 0x3000);
  for (unsigned i = 5; i < 9; ++i) CHECK(m.slot(i) == 0x4000);
  CHECK(m.cpu.segment[DS].selector == 0);
  CHECK_FALSE(m.cpu.segment[GS].usable());
  REQUIRE(interrupt_return(m.cpu, 4));
  CHECK(m.cpu.mode.v86);
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.next_rip == 0x100);
  CHECK(m.cpu.segment[CS].base == 0x20000);
  CHECK(m.cpu.segment[FS].base == 0x40000);
  CHECK(m.cpu.gpr[RSP] == 0x8000);
}

TEST_CASE("virtual-8086 mode: handlers must run at level 0") {
  ProtectedMachine m;
  m.to_v86(3);
  m.put(at::idt + 8 * 0x40, gate(sel::code1, at::handler(0x40), 14, 0));
  m.refused(m.external(0x40), Vector::GP, (sel::code1 & ~3u) | 1);
  m.put(at::idt + 8 * 0x40, gate(sel::conforming0, at::handler(0x40), 14, 0));
  m.refused(m.external(0x40), Vector::GP, sel::conforming0 | 1);
}

TEST_CASE("virtual-8086 mode: INT n needs IOPL 3 or the redirection bitmap") {
  ProtectedMachine m;
  m.put(at::idt + 8 * 0x21, gate(sel::code0, at::handler(0x21), 14, 3));
  const auto int21 = [&] { return software_interrupt(m.cpu, EventType::software_interrupt, 0x21, 0x102); };
  SUBCASE("IOPL 0") {
    m.to_v86(0);
    m.refused(int21(), Vector::GP, 0);
    CHECK_FALSE(software_interrupt(m.cpu, EventType::software_exception, 3, 0x101));  // gate DPL 0
    CHECK(m.cpu.fault.error == 3 * 8 + 2);
  }
  SUBCASE("IOPL 3") {
    m.to_v86(3);
    REQUIRE(int21());
    CHECK(m.cpu.cpl == 0);
    CHECK(m.cpu.next_rip == at::handler(0x21));
  }
  m.put(4 * 0x21, 0x50001234, 4);
  m.put(at::tss + 102, 0x88 + 32, 2);
  SUBCASE("VME, to the program's own handler with VIF for IF") {
    m.cpu.cr4 |= Cr4::VME;
    m.to_v86(0);
    m.cpu.set_eflags(Eflags::VIF, Eflags::VIF);
    REQUIRE(int21());
    CHECK(m.cpu.mode.v86);
    CHECK(m.cpu.segment[CS].base == 0x50000);
    CHECK(m.cpu.next_rip == 0x1234);
    CHECK_FALSE(m.cpu.flag(Eflags::VIF));
    CHECK(m.cpu.flag(Eflags::IF));
    CHECK(m.get(0x30000 + 0x7ffa, 2) == 0x102);
    CHECK(m.get(0x30000 + 0x7ffc, 2) == 0x2000);
    CHECK(m.get(0x30000 + 0x7ffe, 2) == (Eflags::IF | Eflags::IOPL | 2));
    REQUIRE(interrupt_return(m.cpu, 2));
    CHECK(m.cpu.flag(Eflags::VIF));
    CHECK(m.cpu.iopl() == 0);
    CHECK(m.cpu.next_rip == 0x102);
  }
  SUBCASE("VME, redirected") {
    m.cpu.cr4 |= Cr4::VME;
    m.put(at::tss + 0x88 + 0x21 / 8, 2, 1);
    m.to_v86(0);
    m.refused(int21(), Vector::GP, 0);
    m.to_v86(3);
    REQUIRE(int21());
    CHECK_FALSE(m.cpu.mode.v86);
  }
}

TEST_CASE("IRET: the checks of CS, SS and EIP") {
  ProtectedMachine m;
  const auto frame = [&](u32 eip, u32 cs, u32 flags, u32 esp = 0, u32 ss = 0) {
    const u32 values[] = {eip, cs, flags, esp, ss};
    m.cpu.gpr[RSP] = at::stack0 - 20;
    for (unsigned i = 0; i < 5; ++i) m.put(at::stack0 - 20 + 4 * i, values[i], 4);
    return interrupt_return(m.cpu, 4);
  };
  m.refused(frame(1, 0, 2), Vector::GP, 0);
  m.refused(frame(1, 0x200, 2), Vector::GP, 0x200);
  m.refused(frame(1, sel::data0, 2), Vector::GP, sel::data0);
  m.refused(frame(1, sel::code0 | 3, 2), Vector::GP, sel::code0);
  m.refused(frame(1, sel::conforming3, 2), Vector::GP, sel::conforming3);
  m.set_descriptor(sel::free0, descriptor(0, 0xfffff, 0x1b | Rights::G));
  m.refused(frame(1, sel::free0, 2), Vector::NP, sel::free0);
  m.refused(frame(1, sel::code3, 2, 0x500, 0), Vector::GP, 0);
  m.refused(frame(1, sel::code3, 2, 0x500, sel::data0), Vector::GP, sel::data0);
  m.refused(frame(1, sel::code3, 2, 0x500, sel::data1), Vector::GP, sel::data1 & ~3u);
  m.refused(frame(1, sel::code3, 2, 0x500, sel::code3), Vector::GP, sel::code3 & ~3u);
  m.set_descriptor(sel::free1, descriptor(0, 0xfffff, (present_data & ~0x80u) | dpl(3) | Rights::G));
  m.refused(frame(1, sel::code3, 2, 0x500, sel::free1 | 3), Vector::SS, sel::free1);
  m.set_descriptor(sel::free0, descriptor(0, 0xfff, present_code));
  m.refused(frame(0x1000, sel::free0, 2), Vector::GP, 0);
  CHECK(m.cpu.cpl == 0);
  REQUIRE(frame(0xfff, sel::free0, 2));
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 8);
  m.start_at(sel::code0, sel::data0, at::code, at::stack0);
  REQUIRE(frame(7, sel::code3, Eflags::IOPL | Eflags::IF | 2, 0x500, sel::data3));
  CHECK(m.cpu.iopl() == 3);
  CHECK(m.cpu.cpl == 3);
  m.cpu.set_eflags(0, Eflags::IF | Eflags::IOPL);
  m.refused(frame(7, sel::code0, 2), Vector::GP, sel::code0);  // inward
  REQUIRE(frame(7, sel::code3, Eflags::IOPL | Eflags::IF | Eflags::VM | 2));
  CHECK(m.cpu.iopl() == 0);  // only level 0 sets IOPL; level 3 above IOPL does not set IF; VM is ignored
  CHECK_FALSE(m.cpu.flag(Eflags::IF));
  CHECK_FALSE(m.cpu.mode.v86);
}

TEST_CASE("IRET ends the blocking of NMI, even if it faults") {
  ProtectedMachine m;
  m.cpu.nmi_blocked = true;
  m.cpu.nmi_pending = true;
  m.cpu.attention = 0;
  m.put(at::stack0 + 4, 0, 4);
  CHECK_FALSE(interrupt_return(m.cpu, 4));
  CHECK_FALSE(m.cpu.nmi_blocked);
  CHECK((m.cpu.attention & Attention::nmi) != 0);
}

TEST_CASE("real-address mode: the vector table, three words, no error code") {
  SmallMachine m;
  m.real_mode();
  m.cpu.set_eflags(Eflags::IF | Eflags::TF | Eflags::CF, Eflags::IF | Eflags::TF | Eflags::CF);
  REQUIRE(delivered(m.cpu, {EventType::hardware_exception, 13, true, 0x50}, 0x7c05));
  CHECK(m.cpu.gpr[RSP] == 0x6ffa);
  CHECK(m.get(0x6ffa, 2) == 0x7c05);
  CHECK(m.get(0x6ffc, 2) == 0);
  CHECK(m.get(0x6ffe, 2) == (Eflags::IF | Eflags::TF | Eflags::CF | 2));
  CHECK(m.cpu.segment[CS].base == 0x10000);
  CHECK(m.cpu.rip == 13 * 16);
  CHECK(m.cpu.eflags() == (Eflags::CF | 2));
  REQUIRE(interrupt_return(m.cpu, 2));
  CHECK(m.cpu.next_rip == 0x7c05);
  CHECK(m.cpu.segment[CS].base == 0);
  CHECK(m.cpu.flag(Eflags::TF));
  m.cpu.idtr.limit = 4 * 13 + 2;
  CHECK_FALSE(delivered(m.cpu, {EventType::external_interrupt, 13}, 0x7c05));
  CHECK(m.cpu.fault.vector == Vector::GP);
  m.cpu.idtr.limit = 0x3ff;
  m.cpu.gpr[RSP] = 4;  // wraps to the segment's top
  REQUIRE(delivered(m.cpu, {EventType::external_interrupt, 13}, 0x7c05));
  CHECK(m.cpu.gpr[RSP] == 0xfffe);
  m.cpu.gpr[RSP] = 3;
  CHECK_FALSE(delivered(m.cpu, {EventType::external_interrupt, 13}, 0x7c05));
  CHECK(m.cpu.fault.vector == Vector::SS);
}

TEST_CASE("faults on the way combine as the table of double faults says") {
  ProtectedMachine m;
  const auto first = [&](Vector v) {
    m.start_at(sel::code0, sel::data0, at::code, at::stack0);
    m.cpu.activity = Activity::active;
    m.cpu.raise(v, 0, 0);
    deliver_fault(m.cpu);
  };
  // The gates of #GP and #UD are bad: #NP follows.
  m.put(at::idt + 8 * 13, gate(sel::code0, at::handler(13), 14, 0, false));
  m.put(at::idt + 8 * 6, gate(sel::code0, at::handler(6), 14, 0, false));
  first(Vector::GP);
  CHECK(m.cpu.rip == at::handler(8));
  CHECK(m.slot(0) == 0);
  CHECK(m.slot(1) == at::code);
  first(Vector::UD);  // benign, then contributory: serially
  CHECK(m.cpu.rip == at::handler(11));
  CHECK(m.slot(0) == 6 * 8 + 3);
  CHECK(m.cpu.activity == Activity::active);
  m.put(at::idt + 8 * 8, gate(sel::code0, at::handler(8), 14, 0, false));
  first(Vector::GP);
  CHECK(m.cpu.activity == Activity::shutdown);
  first(Vector::UD);
  CHECK(m.cpu.activity == Activity::active);
}

// "Conditions for Generating a Double Fault": a benign exception is followed by anything serially, so that
// these two would follow each other for ever.
TEST_CASE("faults whose deliveries raise each other leave the instruction to come again") {
  ProtectedMachine m;
  m.put(at::idt + 8 * 11, gate(sel::code3, at::handler(11), 14, 0));
  m.put(at::idt + 8 * 17, gate(sel::code0, at::handler(17), 14, 0, false));
  m.to_user();
  m.cpu.cr0 |= Cr0::AM;
  m.cpu.set_eflags(Eflags::AC, Eflags::AC);
  m.cpu.update_privilege();
  m.cpu.gpr[RSP] = at::stack3 - 2;
  m.cpu.raise(Vector::AC, 0);
  deliver_fault(m.cpu);
  CHECK(m.cpu.activity == Activity::active);
  CHECK(m.cpu.rip == at::user_code);
  CHECK(m.cpu.gpr[RSP] == at::stack3 - 2);
  CHECK(m.cpu.cpl == 3);
}
