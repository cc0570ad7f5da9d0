// Owns the tests of the VM-exit instruction information and of displacements in exit qualifications.
#include "tests/vmx/guest_box.h"

using namespace ringside;

namespace {

constexpr u32 no_index = 1u << 22, no_base = 1u << 27;
constexpr u32 address(u32 code) { return code << 7; }
constexpr u32 segment(SegReg s) { return u32{s} << 15; }
constexpr u32 index(GprNumber r, u32 scale) { return u32{r} << 18 | scale; }
constexpr u32 base(GprNumber r) { return u32{r} << 23; }
constexpr u32 identity(u32 n) { return n << 28; }

}  // namespace

// "Format of the VM-Exit Instruction-Information Field as Used for LIDT, LGDT, SIDT, or SGDT".
TEST_CASE("Descriptor tables: identity, operand, operand size") {
  GuestBox box;
  box.set(VmxControl::descriptor_table_exiting);
  box.cpu.gpr[RAX] = GuestBox::data;
  const auto r = ExitReason::gdtr_or_idtr_access;
  const u32 at_rax = address(2) | segment(DS) | no_index | base(RAX);
  CHECK(box.exit_of({0x0f, 0x01, 0x00}, r).instruction_information == (at_rax | identity(0)));
  CHECK(box.exit_of({0x0f, 0x01, 0x08}, r).instruction_information == (at_rax | identity(1)));
  CHECK(box.exit_of({0x0f, 0x01, 0x10}, r).instruction_information == (at_rax | identity(2)));
  CHECK(box.exit_of({0x0f, 0x01, 0x18}, r).instruction_information == (at_rax | identity(3)));
  CHECK(box.vmx.exit.qualification == 0);
  CHECK(box.vmx.exit.cause.control == VmxControl::descriptor_table_exiting);

  // LGDT FS:[R9 + R12 * 8 - 0x80]
  const ExitInfo& sib = box.exit_of({0x64, 0x43, 0x0f, 0x01, 0x54, 0xe1, 0x80}, r);
  CHECK(sib.instruction_information == (address(2) | segment(FS) | index(R12, 3) | base(R9) | identity(2)));
  CHECK(sib.qualification == static_cast<u64>(-0x80));
  // LIDT [RSP + 0x10]: the default segment is SS.
  CHECK(box.exit_of({0x0f, 0x01, 0x5c, 0x24, 0x10}, r).instruction_information ==
        (address(2) | segment(SS) | no_index | base(RSP) | identity(3)));
  // LGDT [RIP + 0x100]: the address counts from the next instruction at 0x507.
  const ExitInfo& rip = box.exit_of({0x0f, 0x01, 0x15, 0x00, 0x01, 0x00, 0x00}, r);
  CHECK(rip.instruction_information == (address(2) | segment(DS) | no_index | no_base | identity(2)));
  CHECK(rip.qualification == 0x607);
  CHECK(box.exit_of({0x0f, 0x01, 0x15, 0xf0, 0xff, 0xff, 0x7f}, r).qualification == 0x507u + 0x7ffffff0);
  // LGDT [disp32] with 32-bit addresses.
  CHECK(box.exit_of({0x67, 0x0f, 0x01, 0x10}, r).instruction_information ==
        (address(1) | segment(DS) | no_index | base(RAX) | identity(2)));

  box.guest32();
  constexpr u32 wide = 1u << 11;
  CHECK(box.exit_of({0x0f, 0x01, 0x10}, r).instruction_information ==
        (address(1) | segment(DS) | no_index | base(RAX) | wide | identity(2)));
  CHECK(box.exit_of({0x66, 0x0f, 0x01, 0x10}, r).instruction_information ==
        (address(1) | segment(DS) | no_index | base(RAX) | identity(2)));
  // SIDT [BX + SI + 2] with 16-bit addresses.
  CHECK(box.exit_of({0x67, 0x0f, 0x01, 0x48, 0x02}, r).instruction_information ==
        (address(0) | segment(DS) | index(RSI, 0) | base(RBX) | wide | identity(1)));
  CHECK(box.vmx.exit.qualification == 2);
}

// "Format of the VM-Exit Instruction-Information Field as Used for LLDT, LTR, SLDT, and STR".
TEST_CASE("System segments: register or memory") {
  GuestBox box;
  box.set(VmxControl::descriptor_table_exiting);
  const auto r = ExitReason::ldtr_or_tr_access;
  constexpr u32 in_register = 1u << 10;
  CHECK(box.exit_of({0x0f, 0x00, 0xc3}, r).instruction_information == (in_register | RBX << 3 | identity(0)));
  CHECK(box.exit_of({0x41, 0x0f, 0x00, 0xcd}, r).instruction_information ==
        (in_register | R13 << 3 | identity(1)));
  CHECK(box.exit_of({0x0f, 0x00, 0xd1}, r).instruction_information == (in_register | RCX << 3 | identity(2)));
  CHECK(box.exit_of({0x0f, 0x00, 0xd8}, r).instruction_information == (in_register | identity(3)));
  CHECK(box.vmx.exit.qualification == 0);
  CHECK(box.exit_of({0x0f, 0x00, 0x96, 0x44, 0x33, 0x22, 0x11}, r).instruction_information ==
        (address(2) | segment(DS) | no_index | base(RSI) | identity(2)));
  CHECK(box.vmx.exit.qualification == 0x11223344);
  CHECK(box.exit_of({0x0f, 0x00, 0x06}, r).instruction_information ==
        (address(2) | segment(DS) | no_index | base(RSI) | identity(0)));

  // Privilege first; UMIP counts as privilege. Real-address mode has no such instructions.
  box.guest64(3);
  CHECK(box.run({0x0f, 0x00, 0xd1}) == GP);
  box.exit_of({0x0f, 0x00, 0xc3}, r);
  box.cpu.cr4 |= Cr4::UMIP;
  CHECK(box.run({0x0f, 0x00, 0xc3}) == GP);
  CHECK(box.run({0x0f, 0x01, 0x00}) == GP);
}

TEST_CASE("RDRAND and RDSEED: register and operand size") {
  GuestBox box;
  CHECK(box.run({0x0f, 0xc7, 0xf0}) == done);
  box.set(VmxControl::rdrand_exiting);
  box.set(VmxControl::rdseed_exiting);
  const u64 state = box.cpu.random_state;
  CHECK(box.exit_of({0x66, 0x0f, 0xc7, 0xf1}, ExitReason::rdrand).instruction_information == (RCX << 3));
  CHECK(box.exit_of({0x0f, 0xc7, 0xf1}, ExitReason::rdrand).instruction_information == (RCX << 3 | 1u << 11));
  CHECK(box.exit_of({0x49, 0x0f, 0xc7, 0xff}, ExitReason::rdseed).instruction_information ==
        (R15 << 3 | 2u << 11));
  CHECK(box.cpu.random_state == state);
}

// "Format of the VM-Exit Instruction-Information Field as Used for INVEPT, INVPCID, and INVVPID".
TEST_CASE("INVPCID: memory and the register with the type") {
  GuestBox box;
  box.set(VmxControl::invpcid);
  box.set(VmxControl::invlpg_exiting);
  const ExitInfo& exit = box.exit_of({0x66, 0x44, 0x0f, 0x38, 0x82, 0x54, 0x43, 0x20}, ExitReason::invpcid);
  CHECK(exit.instruction_information ==
        (address(2) | segment(DS) | index(RAX, 1) | base(RBX) | u32{R10} << 28));
  CHECK(exit.qualification == 0x20);
}

// "Format of the VM-Exit Instruction-Information Field as Used for VMREAD and VMWRITE".
TEST_CASE("VMX instructions: both operands, each in its place") {
  GuestBox box;
  constexpr u32 in_register = 1u << 10;
  box.cpu.gpr[RAX] = 0xffffffff;  // no field: always exits
  box.cpu.gpr[RBX] = 0xffffffff;
  // VMREAD RCX, RBX
  CHECK(box.exit_of({0x0f, 0x78, 0xd9}, ExitReason::vmread).instruction_information ==
        (in_register | RCX << 3 | u32{RBX} << 28));
  // VMREAD [RDX + 8], RBX
  CHECK(box.exit_of({0x0f, 0x78, 0x5a, 0x08}, ExitReason::vmread).instruction_information ==
        (address(2) | segment(DS) | no_index | base(RDX) | u32{RBX} << 28));
  CHECK(box.vmx.exit.qualification == 8);
  // VMWRITE RBX, RCX
  CHECK(box.exit_of({0x0f, 0x79, 0xd9}, ExitReason::vmwrite).instruction_information ==
        (in_register | RCX << 3 | u32{RBX} << 28));
  // VMWRITE RBX, [RDX]
  CHECK(box.exit_of({0x0f, 0x79, 0x1a}, ExitReason::vmwrite).instruction_information ==
        (address(2) | segment(DS) | no_index | base(RDX) | u32{RBX} << 28));
  // VMCLEAR [RSI + 0x40]
  CHECK(box.exit_of({0x66, 0x0f, 0xc7, 0x76, 0x40}, ExitReason::vmclear).instruction_information ==
        (address(2) | segment(DS) | no_index | base(RSI)));
  CHECK(box.vmx.exit.qualification == 0x40);
  // INVEPT RDI, [RSI]
  CHECK(box.exit_of({0x66, 0x0f, 0x38, 0x80, 0x3e}, ExitReason::invept).instruction_information ==
        (address(2) | segment(DS) | no_index | base(RSI) | u32{RDI} << 28));
  CHECK(box.exit_of({0x0f, 0x01, 0xc1}, ExitReason::vmcall).instruction_information == 0);
}
