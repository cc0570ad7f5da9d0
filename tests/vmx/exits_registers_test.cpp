// Owns the tests of control and debug registers in VMX non-root operation: masks, shadows, targets, fixed
// bits.
#include "tests/vmx/guest_box.h"

using namespace ringside;

namespace {

constexpr auto cr = ExitReason::control_register_access;

}  // namespace

TEST_CASE("MOV to CR0 and CR4: a bit under the mask that differs from the shadow exits") {
  GuestBox box;
  auto& c = box.vmx.controls;
  c.cr0_mask = Cr0::TS | Cr0::CD;
  c.cr0_shadow = Cr0::TS;
  box.cpu.cr0 &= ~Cr0::TS;
  const u64 before = box.cpu.cr0;

  // Reads see the shadow where the mask is set.
  CHECK(box.run({0x0f, 0x20, 0xc1}) == done);  // MOV RCX, CR0
  CHECK(box.cpu.gpr[RCX] == (before | Cr0::TS));
  CHECK(box.run({0x0f, 0x01, 0xe1}) == done);  // SMSW ECX
  CHECK(box.cpu.gpr[RCX] == (before | Cr0::TS));

  // A write of what is seen does not exit, and leaves masked bits as they are.
  box.cpu.gpr[RCX] |= Cr0::MP;
  CHECK(box.run({0x0f, 0x22, 0xc1}) == done);
  CHECK(box.cpu.cr0 == (before | Cr0::MP));

  box.cpu.gpr[R11] = before;
  const ExitInfo& exit = box.exit_of({0x41, 0x0f, 0x22, 0xc3}, cr);  // MOV CR0, R11
  CHECK(exit.qualification == (0 | 0 << 4 | R11 << 8));
  CHECK(exit.cause.kind == ExitCause::Kind::mask);
  CHECK(exit.cause.detail == Cr0::TS);
  // The exit has priority over reserved bits.
  box.cpu.gpr[RCX] = bit(40);
  box.exit_of({0x0f, 0x22, 0xc1}, cr);

  c.cr4_mask = Cr4::VMXE | Cr4::PSE;
  c.cr4_shadow = 0;
  CHECK(box.run({0x0f, 0x20, 0xe2}) == done);  // MOV RDX, CR4
  CHECK(box.cpu.gpr[RDX] == (box.cpu.cr4 & ~Cr4::VMXE));
  CHECK(box.run({0x0f, 0x22, 0xe2}) == done);
  CHECK((box.cpu.cr4 & Cr4::VMXE));
  box.cpu.gpr[RDX] |= Cr4::PSE;
  CHECK(box.exit_of({0x0f, 0x22, 0xe2}, cr).qualification == (4 | RDX << 8));
  CHECK(box.vmx.exit.cause.detail == Cr4::PSE);
}

TEST_CASE("Fixed bits of CR0 and CR4 are #GP in VMX operation") {
  GuestBox box;
  box.cpu.gpr[RCX] = box.cpu.cr0 & ~Cr0::NE;
  CHECK(box.run({0x0f, 0x22, 0xc1}) == GP);
  box.cpu.gpr[RCX] = box.cpu.cr4 & ~Cr4::VMXE;
  CHECK(box.run({0x0f, 0x22, 0xe1}) == GP);
  // PE and PG are fixed too, but for unrestricted guests.
  box.guest32();
  box.set(VmxControl::unrestricted_guest, false);
  box.cpu.cr0 |= Cr0::PG;
  box.cpu.gpr[RCX] = box.cpu.cr0 & ~Cr0::PG;
  CHECK(box.run({0x0f, 0x22, 0xc1}) == GP);
  box.set(VmxControl::unrestricted_guest);
  CHECK(box.run({0x0f, 0x22, 0xc1}) == done);
  // In VMX root operation all are fixed, outside of it none.
  box.guest64();
  box.cpu.non_root = false;
  box.cpu.gpr[RCX] = box.cpu.cr0 & ~Cr0::NE;
  CHECK(box.run({0x0f, 0x22, 0xc1}) == GP);
  box.cpu.vmx_operation = false;
  CHECK(box.run({0x0f, 0x22, 0xc1}) == done);
  box.cpu.gpr[RCX] = box.cpu.cr4 & ~Cr4::VMXE;
  CHECK(box.run({0x0f, 0x22, 0xe1}) == done);
}

TEST_CASE("CR3: targets, loads and stores") {
  GuestBox box;
  box.cpu.gpr[RBP] = 0x1000;
  CHECK(box.run({0x0f, 0x22, 0xdd}) == done);
  box.set(VmxControl::cr3_load_exiting);
  CHECK(box.exit_of({0x0f, 0x22, 0xdd}, cr).qualification == (3 | RBP << 8));
  box.vmx.controls.cr3_target = {0x2000, 0x3000, 0x1000, 0};
  box.vmx.controls.cr3_target_count = 2;
  box.exit_of({0x0f, 0x22, 0xdd}, cr);
  box.vmx.controls.cr3_target_count = 3;
  CHECK(box.run({0x0f, 0x22, 0xdd}) == done);
  CHECK(box.run({0x0f, 0x20, 0xde}) == done);
  box.set(VmxControl::cr3_store_exiting);
  CHECK(box.exit_of({0x0f, 0x20, 0xde}, cr).qualification == (3 | 1 << 4 | RSI << 8));
}

TEST_CASE("CR8 by its controls") {
  GuestBox box;
  box.cpu.gpr[RAX] = 0x100;  // reserved bits: #GP, but the exit comes first
  CHECK(box.run({0x44, 0x0f, 0x22, 0xc0}) == GP);
  box.set(VmxControl::cr8_load_exiting);
  box.set(VmxControl::cr8_store_exiting);
  CHECK(box.exit_of({0x44, 0x0f, 0x22, 0xc0}, cr).qualification == 8);
  CHECK(box.exit_of({0x44, 0x0f, 0x20, 0xc2}, cr).qualification == (8 | 1 << 4 | RDX << 8));
}

TEST_CASE("CLTS under mask and shadow") {
  GuestBox box;
  box.cpu.cr0 |= Cr0::TS;
  CHECK(box.run({0x0f, 0x06}) == done);
  CHECK(!(box.cpu.cr0 & Cr0::TS));
  box.cpu.cr0 |= Cr0::TS;
  box.vmx.controls.cr0_mask = Cr0::TS;
  CHECK(box.run({0x0f, 0x06}) == done);
  CHECK((box.cpu.cr0 & Cr0::TS));
  box.vmx.controls.cr0_shadow = Cr0::TS;
  CHECK(box.exit_of({0x0f, 0x06}, cr).qualification == 2 << 4);
  CHECK((box.cpu.cr0 & Cr0::TS));
  box.guest64(3);
  CHECK(box.run({0x0f, 0x06}) == GP);
}

TEST_CASE("LMSW under mask and shadow") {
  GuestBox box;
  auto& c = box.vmx.controls;
  box.guest32();
  box.cpu.gpr[RAX] = 0x1234'000e;
  CHECK(box.run({0x0f, 0x01, 0xf0}) == done);
  CHECK((box.cpu.cr0 & 0xf) == 0xf);  // PE stays
  c.cr0_mask = Cr0::TS | Cr0::PE;
  c.cr0_shadow = Cr0::PE;
  const ExitInfo& exit = box.exit_of({0x0f, 0x01, 0xf0}, cr);
  CHECK(exit.qualification == (3u << 4 | 0x000eu << 16));
  CHECK(exit.linear == 0);
  // PE clear in the source and set in the shadow: LMSW cannot clear it, so nothing exits.
  box.cpu.gpr[RAX] = 0;
  CHECK(box.run({0x0f, 0x01, 0xf0}) == done);
  CHECK((box.cpu.cr0 & 0xf) == (Cr0::PE | Cr0::TS));
  // Set in the source and clear in the shadow: it exits.
  c.cr0_shadow = 0;
  box.memory.write(HostPhys(GuestBox::data + 8), 2, 0xabc1);
  box.cpu.segment[DS].base = 0x10000;
  box.cpu.gpr[RBX] = GuestBox::data - 0x10000;
  const ExitInfo& memory = box.exit_of({0x0f, 0x01, 0x73, 0x08}, cr);
  CHECK(memory.qualification == (3u << 4 | 1u << 6 | 0xabc1u << 16));
  CHECK(memory.linear == GuestBox::data + 8);
  // A fault of the operand comes first.
  box.cpu.segment[DS].limit = 0xfff;
  box.cpu.segment[DS].update();
  CHECK(box.run({0x0f, 0x01, 0x73, 0x08}) == GP);
}

TEST_CASE("MOV DR exits before privilege and CR4.DE are looked at") {
  GuestBox box;
  box.cpu.dr7 |= Dr7::GD;
  CHECK(box.run({0x0f, 0x23, 0xd8}) == DB);
  box.set(VmxControl::mov_dr_exiting);
  CHECK(box.exit_of({0x0f, 0x23, 0xd8}, ExitReason::mov_dr).qualification == 3);
  CHECK(box.exit_of({0x41, 0x0f, 0x21, 0xf9}, ExitReason::mov_dr).qualification == (7 | 1 << 4 | R9 << 8));
  box.guest64(3);
  box.cpu.cr4 |= Cr4::DE;
  CHECK(box.exit_of({0x0f, 0x21, 0xe2}, ExitReason::mov_dr).qualification == (4 | 1 << 4 | RDX << 8));
}
