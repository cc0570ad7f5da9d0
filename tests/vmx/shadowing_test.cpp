// Owns the tests of VMREAD and VMWRITE in VMX non-root operation with VMCS shadowing.
#include "tests/vmx/fixture.h"

using namespace ringside;

namespace {

constexpr u64 shadow_region = 0x205000, read_bitmap = 0x206000, write_bitmap = 0x207000;
constexpr u64 no_field = 0x1000;  // no field has this encoding

struct ShadowMachine : VmxMachine {
  ShadowMachine() {
    put(shadow_region, vmcs_revision | shadow_indicator, 4);
    on(VmxControl::vmcs_shadowing);
    set(Field::VMREAD_BITMAP, read_bitmap);
    set(Field::VMWRITE_BITMAP, write_bitmap);
    set(Field::VMCS_LINK_POINTER, shadow_region);
    cpu.gpr[RAX] = 0x1234;
    cpu.gpr[RDX] = no_field;
  }
  Vmcs& shadow() {
    Vmcs* const current = vmx->current;
    Vmcs& linked = vmx->activate(memory, HostPhys(shadow_region));
    vmx->current = current;
    return linked;
  }
  // The guest's flags at its VMCALL behind the instruction at its start.
  u64 flags() const { return (*this)[Field::GUEST_RFLAGS] & (Eflags::CF | Eflags::ZF); }
};

}  // namespace

TEST_CASE("A guest reads and writes fields of the shadow VMCS") {
  ShadowMachine m;
  m.cpu.gpr[RDX] = info(Field::GUEST_RSP).encoding;
  m.guest(
      {0x0f, 0x79, 0xd0, 0x0f, 0x78, 0xd1, 0x0f, 0x01, 0xc1});  // vmwrite rdx, rax; vmread rcx, rdx; vmcall
  CHECK(m.exit_of() == m.number(ExitReason::vmcall));
  CHECK(m.flags() == 0);
  CHECK(m.cpu.gpr[RCX] == 0x1234);
  CHECK(m.shadow()[Field::GUEST_RSP] == 0x1234);
  CHECK(m[Field::GUEST_RSP] == vmx_at::guest_stack);
}

// "Conventions": VMfailValid writes the VM-instruction error field of the current VMCS.
TEST_CASE("A guest's error number goes to the current VMCS, not to the shadow VMCS") {
  for (const u8 opcode : {0x78, 0x79}) {
    ShadowMachine m;
    CAPTURE(unsigned{opcode});
    m.guest({0x0f, opcode, 0xd0, 0x0f, 0x01, 0xc1});
    CHECK(m.exit_of() == m.number(ExitReason::vmcall));
    CHECK(m.flags() == Eflags::ZF);
    CHECK(m[Field::VM_INSTRUCTION_ERROR] == static_cast<u64>(VmError::unsupported_field));
    CHECK(m.shadow()[Field::VM_INSTRUCTION_ERROR] == 0);
  }
}

TEST_CASE("Without a shadow VMCS a guest's access fails without an error number") {
  ShadowMachine m;
  m.set(Field::VMCS_LINK_POINTER, ~u64{0});
  m.guest({0x0f, 0x78, 0xd0, 0x0f, 0x01, 0xc1});
  CHECK(m.exit_of() == m.number(ExitReason::vmcall));
  CHECK(m.flags() == Eflags::CF);
  CHECK(m[Field::VM_INSTRUCTION_ERROR] == 0);
}

TEST_CASE("A bit of the bitmaps, or an encoding beyond them, makes an access exit") {
  for (const bool beyond : {false, true}) {
    ShadowMachine m;
    CAPTURE(beyond);
    if (beyond)
      m.cpu.gpr[RDX] = 0x8000;
    else
      m.put(read_bitmap + no_field / 8, 1, 1);
    m.guest({0x0f, 0x78, 0xd0, 0x0f, 0x01, 0xc1});
    CHECK(m.exit_of() == m.number(ExitReason::vmread));
    m.guest({0x0f, 0x79, 0xd0, 0x0f, 0x01, 0xc1});
    CHECK(m.exit_of() == m.number(beyond ? ExitReason::vmwrite : ExitReason::vmcall));
  }
}
