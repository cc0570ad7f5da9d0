// Owns the tests of VIF and VIP: the virtual interrupt flag of virtual-8086 mode (CR4.VME) and of protected
// mode (CR4.PVI), and the #GP(0) where a virtual interrupt pends.
#include <doctest/doctest.h>

#include "tests/exec/running_machine.h"

using namespace ringside;

namespace {

constexpr u64 both = Eflags::VIF | Eflags::VIP;

struct VirtualMachine : RunningMachine {
  VirtualMachine() { protected_mode(); }
  // Virtual-8086 mode at 2000h:0100h with SS = 3000h.
  void to_v86(unsigned iopl, std::initializer_list<u8> bytes) {
    code(0x20100, bytes);
    cpu.cr4 |= Cr4::VME;
    cpu.set_eflags(Eflags::VM | u64{iopl} << 12 | Eflags::IF, Eflags::VM | Eflags::IOPL | Eflags::IF);
    cpu.cpl = 3;
    cpu.update_mode();
    for (const SegReg reg : {ES, CS, SS, DS, FS, GS})
      cpu.segment[reg] = real_mode_segment(cpu, reg, reg == CS ? 0x2000 : reg == SS ? 0x3000 : 0x4000);
    cpu.set_cpl(3);
    cpu.rip = cpu.next_rip = 0x100;
    cpu.gpr[RSP] = 0x8000;
  }
  // Protected mode at privilege level 3.
  void to_user(unsigned iopl, std::initializer_list<u8> bytes) {
    code(at::user_code, bytes);
    cpu.cr4 |= Cr4::PVI;
    start_at(sel::code3, sel::data3, at::user_code, at::stack3);
    cpu.set_eflags(u64{iopl} << 12 | Eflags::IF, Eflags::IOPL | Eflags::IF);
  }
  void step() { REQUIRE(run(cpu, 1) == 1); }
  // #GP(0) was delivered for the instruction at `rip`.
  void check_refused(u64 rip) {
    CHECK(cpu.rip == at::handler(13));
    CHECK(get(cpu.gpr[RSP], 4) == 0);
    CHECK(get(cpu.gpr[RSP] + 4, 4) == rip);
  }
};

}  // namespace

TEST_CASE("virtual-8086 mode: STI and CLI work on VIF; STI is #GP(0) while VIP is set") {
  VirtualMachine m;
  m.to_v86(0, {0xfb, 0xfa, 0xfb});  // sti; cli; sti
  m.step();
  CHECK(m.cpu.flag(Eflags::VIF));
  m.step();
  CHECK_FALSE(m.cpu.flag(Eflags::VIF));
  CHECK(m.cpu.flag(Eflags::IF));
  m.cpu.set_eflags(Eflags::VIP, Eflags::VIP);
  m.step();
  m.check_refused(0x102);
  CHECK((m.get(m.cpu.gpr[RSP] + 12, 4) & both) == Eflags::VIP);
}

TEST_CASE("virtual-8086 mode: VIF and VIP together are #GP(0) before the next instruction") {
  VirtualMachine m;
  m.to_v86(0, {0x40, 0x40});  // inc ax; inc ax
  m.cpu.gpr[RAX] = 0;
  m.cpu.set_eflags(Eflags::VIP, Eflags::VIP);
  m.step();
  CHECK(m.cpu.gpr[RAX] == 1);
  m.cpu.set_eflags(Eflags::VIF, Eflags::VIF);
  m.step();
  m.check_refused(0x101);
  CHECK(m.cpu.gpr[RAX] == 1);
  // The monitor's own code has them both for its guest.
  CHECK((m.get(m.cpu.gpr[RSP] + 12, 4) & both) == both);
}

TEST_CASE("virtual-8086 mode: with IOPL 3 VIF and VIP mean nothing") {
  VirtualMachine m;
  m.to_v86(3, {0x40});
  m.cpu.gpr[RAX] = 0;
  m.cpu.set_eflags(both, both);
  m.step();
  CHECK(m.cpu.gpr[RAX] == 1);
}

TEST_CASE("virtual-8086 mode: POPF and IRET that would set VIF are #GP(0) while VIP is set") {
  for (const u8 opcode : {0x9d, 0xcf})
    for (const u64 image : {u64{2}, Eflags::IF | 2}) {
      VirtualMachine m;
      m.to_v86(0, {opcode});
      m.cpu.set_eflags(Eflags::VIP, both);
      const u64 top = 0x38000;
      if (opcode == 0xcf) {
        m.put(top, 0x300, 2);
        m.put(top + 2, 0x2000, 2);
      }
      m.put(top + (opcode == 0xcf ? 4 : 0), image, 2);
      m.step();
      CAPTURE(int{opcode});
      if (image & Eflags::IF) {
        m.check_refused(0x100);
      } else {
        CHECK(m.cpu.rip == (opcode == 0xcf ? 0x300 : 0x101));
        CHECK_FALSE(m.cpu.flag(Eflags::VIF));
      }
      CHECK((m.cpu.system_flags & Eflags::VIF) == 0);
    }
}

TEST_CASE("protected mode: with CR4.PVI STI is #GP(0) while VIP is set, and so are VIF and VIP together") {
  VirtualMachine m;
  m.to_user(0, {0xfb, 0x40});  // sti; inc eax
  SUBCASE("STI") {
    m.cpu.set_eflags(Eflags::VIP, both);
    m.step();
    m.check_refused(at::user_code);
  }
  SUBCASE("no virtual interrupt pends") {
    m.step();
    CHECK(m.cpu.flag(Eflags::VIF));
    CHECK(m.cpu.rip == at::user_code + 1);
  }
  SUBCASE("both") {
    m.cpu.rip = m.cpu.next_rip = at::user_code + 1;
    m.cpu.set_eflags(both, both);
    m.step();
    m.check_refused(at::user_code + 1);
  }
  SUBCASE("both, but not without CR4.PVI") {
    m.cpu.cr4 &= ~Cr4::PVI;
    m.cpu.rip = m.cpu.next_rip = at::user_code + 1;
    m.cpu.set_eflags(both, both);
    m.step();
    CHECK(m.cpu.rip == at::user_code + 2);
  }
}
