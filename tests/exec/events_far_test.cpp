// Owns the tests of far JMP, CALL and RET, call gates, SYSENTER and task switches.
#include <doctest/doctest.h>

#include "cpu/exec/far/far_transfers.h"
#include "tests/exec/small_machine.h"

using namespace ringside;

namespace {

struct FarMachine : SmallMachine {
  explicit FarMachine(bool wide = false) { wide ? long_mode() : protected_mode(); }
  void to_user() {
    start_at(cpu.mode.long_mode ? sel::user64 : sel::code3, sel::data3, at::user_code, at::stack3);
  }
  void refused(bool done, Vector v, u32 error) {
    CHECK_FALSE(done);
    CHECK(cpu.chain_end == ChainEnd::fault);
    CHECK(cpu.fault.vector == v);
    CHECK(cpu.fault.error == error);
  }
  u32 slot(unsigned n) { return static_cast<u32>(get(cpu.gpr[RSP] + 4 * n, 4)); }

  // A 32-bit task that starts at `eip` on level `cs & 3`.
  void build_task(u32 eip, u16 cs = sel::code0, u16 ss = sel::data0) {
    for (u64 a = at::tss2; a < at::tss2 + 0x68; a += 4) put(a, 0, 4);
    put(at::tss2 + 0x20, eip, 4);
    put(at::tss2 + 0x24, 2, 4);
    put(at::tss2 + 0x28, 0xaaaa, 4);
    put(at::tss2 + 0x38, at::stack1, 4);
    const u16 data = cs & 3 ? sel::data3 : sel::data0;
    const u16 selectors[] = {data, cs, ss, data, 0, 0};
    for (unsigned i = 0; i < 6; ++i) put(at::tss2 + 0x48 + 4 * i, selectors[i], 4);
  }
  bool busy(u16 selector) { return get(at::gdt + selector + 5, 1) & 2; }
};

}  // namespace

TEST_CASE("far JMP to code: conforming, nonconforming, limits") {
  FarMachine m;
  REQUIRE(far_jump(m.cpu, sel::code0, 0x1234, 4));
  CHECK(m.cpu.next_rip == 0x1234);
  REQUIRE(far_jump(m.cpu, sel::code16, 0x1234, 2));
  CHECK(m.cpu.mode.code_bits == 16);
  m.refused(far_jump(m.cpu, sel::code16, 0x10000, 4), Vector::GP, 0);
  m.refused(far_jump(m.cpu, 3, 0, 4), Vector::GP, 0);
  m.refused(far_jump(m.cpu, sel::data0, 0, 4), Vector::GP, sel::data0);
  m.refused(far_jump(m.cpu, sel::code3, 0, 4), Vector::GP, sel::code3 & ~3u);
  m.refused(far_jump(m.cpu, sel::code0 | 1, 0, 4), Vector::GP, sel::code0);
  m.refused(far_jump(m.cpu, sel::conforming3, 0, 4), Vector::GP, sel::conforming3);
  m.set_descriptor(sel::free0, descriptor(0, 0xfffff, 0x1b));
  m.refused(far_jump(m.cpu, sel::free0, 0, 4), Vector::NP, sel::free0);
  m.to_user();
  REQUIRE(far_jump(m.cpu, sel::conforming0, 0x99, 4));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.segment[CS].selector == (sel::conforming0 | 3));
}

TEST_CASE("far CALL and RET at one level") {
  FarMachine m;
  m.cpu.next_rip = 0x10007;
  REQUIRE(far_call(m.cpu, sel::code0, 0x500, 4));
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 8);
  CHECK(m.slot(0) == 0x10007);
  CHECK(m.slot(1) == sel::code0);
  REQUIRE(far_return(m.cpu, 4, 4));
  CHECK(m.cpu.next_rip == 0x10007);
  CHECK(m.cpu.gpr[RSP] == at::stack0 + 4);
  REQUIRE(far_call(m.cpu, sel::code0, 0x500, 2));
  CHECK(m.cpu.gpr[RSP] == at::stack0);
  CHECK(m.get(at::stack0, 2) == 7);
}

TEST_CASE("a refused far CALL has pushed nothing") {
  FarMachine m;
  m.put(at::stack0 - 8, 0x55, 8);
  m.refused(far_call(m.cpu, sel::code16, 0x10000, 4), Vector::GP, 0);
  CHECK(m.get(at::stack0 - 8) == 0x55);
  CHECK(m.cpu.gpr[RSP] == at::stack0);
}

TEST_CASE("a call gate to an inner level copies parameters; RET gives both stacks back") {
  FarMachine m;
  m.set_descriptor(sel::free0, gate(sel::code0, 0x2000, 12, 3, true, 2));
  m.to_user();
  m.put(at::stack3, 0x11111111, 4);
  m.put(at::stack3 + 4, 0x22222222, 4);
  m.cpu.next_rip = 0x20007;
  REQUIRE(far_call(m.cpu, sel::free0 | 3, 0xdead, 4));
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.next_rip == 0x2000);
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 24);
  CHECK(m.slot(0) == 0x20007);
  CHECK(m.slot(1) == sel::code3);
  CHECK(m.slot(2) == 0x11111111);
  CHECK(m.slot(3) == 0x22222222);
  CHECK(m.slot(4) == at::stack3);
  CHECK(m.slot(5) == sel::data3);
  REQUIRE(far_return(m.cpu, 4, 8));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.gpr[RSP] == at::stack3 + 8);
  CHECK(m.cpu.segment[SS].selector == sel::data3);
}

TEST_CASE("call gates: the gate's own checks, and JMP never changes level") {
  FarMachine m;
  m.to_user();
  const auto with = [&](u64 g) { m.set_descriptor(sel::free0, g); };
  with(gate(sel::code0, 0x2000, 12, 0));
  m.refused(far_call(m.cpu, sel::free0 | 3, 0, 4), Vector::GP, sel::free0);
  with(gate(sel::code0, 0x2000, 12, 3, false));
  m.refused(far_call(m.cpu, sel::free0 | 3, 0, 4), Vector::NP, sel::free0);
  with(gate(0, 0x2000, 12, 3));
  m.refused(far_call(m.cpu, sel::free0 | 3, 0, 4), Vector::GP, 0);
  with(gate(sel::data0, 0x2000, 12, 3));
  m.refused(far_call(m.cpu, sel::free0 | 3, 0, 4), Vector::GP, sel::data0);
  with(gate(sel::code0, 0x2000, 12, 3));
  m.refused(far_jump(m.cpu, sel::free0 | 3, 0, 4), Vector::GP, sel::code0);
  with(gate(sel::code3, 0x2000, 12, 3));
  REQUIRE(far_jump(m.cpu, sel::free0 | 3, 0, 4));
  CHECK(m.cpu.next_rip == 0x2000);
  with(gate(sel::code0, 0x12345, 4, 3));  // 16-bit
  REQUIRE(far_call(m.cpu, sel::free0 | 3, 0, 4));
  CHECK(m.cpu.next_rip == 0x2345);
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 8);
}

TEST_CASE("a call gate at the same level pushes the return address only") {
  FarMachine m;
  m.set_descriptor(sel::free0, gate(sel::code0, 0x2000, 12, 0, true, 3));
  m.cpu.next_rip = 0x10007;
  REQUIRE(far_call(m.cpu, sel::free0, 0, 2));  // the gate's width counts, not the operand's
  CHECK(m.cpu.next_rip == 0x2000);
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 8);
  CHECK(m.slot(0) == 0x10007);
  CHECK(m.slot(1) == sel::code0);
  m.to_user();
  m.set_descriptor(sel::free0, gate(sel::conforming0, 0x2000, 12, 3));
  REQUIRE(far_call(m.cpu, sel::free0, 0, 4));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.gpr[RSP] == at::stack3 - 8);
}

TEST_CASE("64-bit call gates") {
  FarMachine m(true);
  m.set_descriptor(sel::free0, gate(sel::code64, 0x2000, 12, 3));
  m.set_descriptor(sel::free1, 0xffff8000);
  m.to_user();
  m.cpu.next_rip = 0x20007;
  REQUIRE(far_call(m.cpu, sel::free0 | 3, 0, 8));
  CHECK(m.cpu.next_rip == 0xffff800000002000);
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.gpr[RSP] == at::stack0 - 32);
  CHECK(m.get(m.cpu.gpr[RSP]) == 0x20007);
  CHECK(m.get(m.cpu.gpr[RSP] + 16) == at::stack3);
  CHECK(m.cpu.segment[SS].selector == 0);
  REQUIRE(far_return(m.cpu, 8, 0));
  CHECK(m.cpu.gpr[RSP] == at::stack3);
  m.set_descriptor(sel::free1, u64{1} << 40);
  m.refused(far_call(m.cpu, sel::free0 | 3, 0, 8), Vector::GP, sel::free0);
  m.set_descriptor(sel::free1, 0);
  m.set_descriptor(sel::free0, gate(sel::code0, 0x2000, 12, 3));
  m.refused(far_call(m.cpu, sel::free0 | 3, 0, 8), Vector::GP, sel::code0);
  m.set_descriptor(sel::free0, gate(sel::code64, 0x2000, 4, 3));  // 16-bit gates are gone
  m.refused(far_call(m.cpu, sel::free0 | 3, 0, 8), Vector::GP, sel::free0);
}

TEST_CASE("64-bit mode: RET to compatibility mode, and what L with D means") {
  FarMachine m(true);
  m.cpu.gpr[RSP] = at::stack0 - 32;
  const u64 frame[] = {0x20000, sel::code3, at::stack3, sel::data3};
  for (unsigned i = 0; i < 4; ++i) m.put(at::stack0 - 32 + 8 * i, frame[i]);
  REQUIRE(far_return(m.cpu, 8, 0));
  CHECK(m.cpu.mode.code_bits == 32);
  CHECK(m.cpu.cpl == 3);
  m.start_at(sel::code64, sel::data0, at::code, at::stack0);
  m.set_descriptor(sel::free0, descriptor(0, 0xfffff, present_code | Rights::L | Rights::DB));
  m.refused(far_jump(m.cpu, sel::free0, 0, 8), Vector::GP, sel::free0);
  m.refused(far_jump(m.cpu, sel::code64, u64{1} << 47, 8), Vector::GP, 0);
}

TEST_CASE("SYSENTER and SYSEXIT") {
  FarMachine m;
  m.to_user();
  m.refused(sysenter(m.cpu), Vector::GP, 0);
  m.cpu.msr.sysenter_cs = sel::code0;
  m.cpu.msr.sysenter_esp = 0x123456789000;
  m.cpu.msr.sysenter_eip = 0x5678;
  m.cpu.set_eflags(Eflags::IF, Eflags::IF);
  REQUIRE(sysenter(m.cpu));
  CHECK(m.cpu.cpl == 0);
  CHECK(m.cpu.gpr[RSP] == 0x56789000);
  CHECK(m.cpu.next_rip == 0x5678);
  CHECK_FALSE(m.cpu.flag(Eflags::IF));
  CHECK(m.cpu.segment[SS].selector == sel::data0);
  m.cpu.gpr[RCX] = 0x40000;
  m.cpu.gpr[RDX] = 0x20000;
  REQUIRE(sysexit(m.cpu, false));
  CHECK(m.cpu.cpl == 3);
  CHECK(m.cpu.segment[CS].selector == ((sel::code0 + 16) | 3));
  CHECK(m.cpu.next_rip == 0x20000);
  m.refused(sysexit(m.cpu, false), Vector::GP, 0);
}

TEST_CASE("CALL to a TSS nests, IRET comes back") {
  FarMachine m;
  m.build_task(0x1111);
  m.cpu.next_rip = 0x10007;
  m.cpu.gpr[RAX] = 0xbbbb;
  m.cpu.dr7 |= 0x103;
  REQUIRE(far_call(m.cpu, sel::tss2, 0, 4));
  CHECK(m.cpu.next_rip == 0x1111);
  CHECK(m.cpu.segment[TR].selector == sel::tss2);
  CHECK(m.cpu.gpr[RAX] == 0xaaaa);
  CHECK(m.cpu.gpr[RSP] == at::stack1);
  CHECK(m.cpu.flag(Eflags::NT));
  CHECK((m.cpu.cr0 & Cr0::TS) != 0);
  CHECK((m.cpu.dr7 & 0x103) == 2);
  CHECK(m.get(at::tss2, 2) == sel::tss);
  CHECK(m.busy(sel::tss));
  CHECK(m.busy(sel::tss2));
  CHECK(m.get(at::tss + 0x20, 4) == 0x10007);
  CHECK(m.get(at::tss + 0x28, 4) == 0xbbbb);
  m.cpu.next_rip = 0x2222;
  REQUIRE(interrupt_return(m.cpu, 4));
  CHECK(m.cpu.next_rip == 0x10007);
  CHECK(m.cpu.gpr[RAX] == 0xbbbb);
  CHECK_FALSE(m.busy(sel::tss2));
  CHECK(m.busy(sel::tss));
  CHECK((m.get(at::tss2 + 0x24, 4) & Eflags::NT) == 0);
  CHECK(m.get(at::tss2 + 0x20, 4) == 0x2222);
}

TEST_CASE("JMP to a TSS leaves the old task free; a busy or short one is refused") {
  FarMachine m;
  m.build_task(0x1111);
  REQUIRE(far_jump(m.cpu, sel::tss2, 0, 4));
  CHECK_FALSE(m.busy(sel::tss));
  CHECK_FALSE(m.cpu.flag(Eflags::NT));
  m.refused(far_jump(m.cpu, sel::tss2, 0, 4), Vector::GP, sel::tss2);
  m.set_descriptor(sel::tss, descriptor(at::tss, 0x66, 0x89));
  m.refused(far_jump(m.cpu, sel::tss, 0, 4), Vector::TS, sel::tss);
  m.set_descriptor(sel::tss, descriptor(at::tss, 0x67, 0x09));
  m.refused(far_jump(m.cpu, sel::tss, 0, 4), Vector::NP, sel::tss);
  CHECK(m.cpu.segment[TR].selector == sel::tss2);
}

TEST_CASE("a 16-bit task") {
  FarMachine m;
  m.put(at::tss16 + 0x0e, 0x1234, 2);
  m.put(at::tss16 + 0x10, 2, 2);
  m.put(at::tss16 + 0x12, 0x5555, 2);
  m.put(at::tss16 + 0x24, sel::code0, 2);
  m.put(at::tss16 + 0x26, sel::data0, 2);
  m.cpu.gpr[RAX] = 0x77770000;
  REQUIRE(far_jump(m.cpu, sel::tss16, 0, 4));
  CHECK(m.cpu.next_rip == 0x1234);
  CHECK((m.cpu.gpr[RAX] & 0xffff) == 0x5555);
  CHECK(m.cpu.segment[CS].selector == sel::code0);
  CHECK(m.cpu.segment[FS].selector == 0);
  REQUIRE(far_jump(m.cpu, sel::tss, 0, 4));
  CHECK(m.cpu.next_rip == at::code);
  CHECK((m.cpu.gpr[RAX] >> 16) == 0x7777);
  CHECK_FALSE(m.busy(sel::tss16));
}

TEST_CASE("a task gate for an exception pushes the error code on the new task's stack") {
  FarMachine m;
  m.build_task(0x1111);
  m.put(at::idt + 8 * 8, gate(sel::tss2, 0, 5, 0));
  REQUIRE(delivered(m.cpu, {EventType::hardware_exception, 8, true, 0x7}, 0x4444));
  CHECK(m.cpu.rip == 0x1111);
  CHECK(m.cpu.gpr[RSP] == at::stack1 - 4);
  CHECK(m.slot(0) == 7);
  CHECK(m.get(at::tss + 0x20, 4) == 0x4444);
  CHECK(m.cpu.flag(Eflags::NT));
}

TEST_CASE("a fault after the switch belongs to the new task") {
  FarMachine m;
  m.build_task(0x1111);
  m.put(at::tss2 + 0x50, sel::read_only, 4);  // SS
  REQUIRE(far_jump(m.cpu, sel::tss2, 0, 4));
  CHECK(m.cpu.segment[TR].selector == sel::tss2);
  // No stack to push on: #TS, then #SS, then a double fault and shutdown.
  CHECK(m.cpu.activity == Activity::shutdown);
  m.cpu.activity = Activity::active;

  FarMachine n;
  n.build_task(0x1111, sel::code3, sel::data3);
  n.put(at::tss2 + 0x54, sel::data0, 4);  // DS above the reach of level 3
  n.put(at::tss2 + 4, at::stack0, 4);
  n.put(at::tss2 + 8, sel::data0, 4);
  REQUIRE(far_jump(n.cpu, sel::tss2, 0, 4));
  CHECK(n.cpu.next_rip == at::handler(10));
  CHECK(n.slot(0) == sel::data0);
  CHECK(n.slot(1) == 0x1111);
  CHECK(n.slot(2) == sel::code3);
}

TEST_CASE("the T bit of a TSS traps after the switch") {
  FarMachine m;
  m.build_task(0x1111);
  m.put(at::tss2 + 0x64, 1, 2);
  REQUIRE(far_jump(m.cpu, sel::tss2, 0, 4));
  CHECK(m.cpu.pending_debug == Dr6::BT);
  m.cpu.rip = m.cpu.next_rip;
  CHECK(service_boundary(m.cpu));
  CHECK(m.cpu.rip == at::handler(1));
  CHECK((m.cpu.dr6 & Dr6::BT) != 0);
}

TEST_CASE("no tasks in IA-32e mode; IRET with NT set is #GP(0)") {
  FarMachine m(true);
  m.refused(far_jump(m.cpu, sel::tss2, 0, 8), Vector::GP, sel::tss2);
  m.set_descriptor(sel::free0, gate(sel::tss2, 0, 5, 0));
  m.refused(far_call(m.cpu, sel::free0, 0, 8), Vector::GP, sel::free0);
  m.cpu.set_eflags(Eflags::NT, Eflags::NT);
  m.refused(interrupt_return(m.cpu, 8), Vector::GP, 0);
}
