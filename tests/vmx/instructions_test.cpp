// Owns the tests of what the VMX instructions answer in VMX root operation: VMsucceed, VMfailInvalid, and
// VMfailValid with each of the numbers of "VM Instruction Error Numbers" that a CPU without a monitor of
// system-management mode gives.
#include "cpu/state/msrs.h"
#include "tests/vmx/fixture.h"

using namespace ringside;

namespace {

constexpr u64 program = 0x1a000, operand = 0x208000, region = 0x209000, unmapped = u64{1} << 46;
constexpr u64 failed_invalid = ~u64{0};

// With the address of a 64-bit operand in RAX, an encoding in RDX, a value in RCX.
struct RootMachine : VmxMachine {
  explicit RootMachine(std::initializer_list<VmxControl> absent = {}) : VmxMachine(absent) {
    put(region, vmcs_revision, 4);
    cpu.gpr[RAX] = operand;
  }
  // Runs one instruction in the host: 0 VMsucceed, a VM-instruction error, or failed_invalid. It must not
  // fault.
  u64 run_one(std::initializer_list<u8> bytes) {
    code(program, bytes);
    cpu.rip = cpu.next_rip = program;
    run(1);
    CHECK(cpu.rip == program + bytes.size());
    const u64 flags = cpu.eflags() & Eflags::arithmetic;
    if (flags == 0) return 0;
    if (flags == Eflags::CF) return failed_invalid;
    CHECK(flags == Eflags::ZF);
    return (*this)[Field::VM_INSTRUCTION_ERROR];
  }
  u64 with_pointer(std::initializer_list<u8> bytes, u64 pointer) {
    put(operand, pointer);
    return run_one(bytes);
  }
  u64 vmclear(u64 pointer) { return with_pointer({0x66, 0x0f, 0xc7, 0x30}, pointer); }
  u64 vmptrld(u64 pointer) { return with_pointer({0x0f, 0xc7, 0x30}, pointer); }
  u64 vmxon(u64 pointer) { return with_pointer({0xf3, 0x0f, 0xc7, 0x30}, pointer); }
  u64 vmptrst() {
    CHECK(run_one({0x0f, 0xc7, 0x38}) == 0);
    return get(operand);
  }
  u64 vmread(u64 encoding) {
    cpu.gpr[RDX] = encoding;
    return run_one({0x0f, 0x78, 0xd1});  // vmread rcx, rdx
  }
  u64 vmwrite(u64 encoding, u64 value) {
    cpu.gpr[RDX] = encoding;
    cpu.gpr[RCX] = value;
    return run_one({0x0f, 0x79, 0xd1});  // vmwrite rdx, rcx
  }
  u64 vmlaunch() { return run_one({0x0f, 0x01, 0xc2}); }
  u64 vmresume() { return run_one({0x0f, 0x01, 0xc3}); }
};

constexpr u64 number(VmError error) { return static_cast<u64>(error); }
// Addresses that no region can have: unaligned, or beyond the physical-address width of 46 bits.
constexpr u64 bad_addresses[] = {region + 8, region | 1, u64{1} << 46, ~u64{0xfff}};

}  // namespace

TEST_CASE("VMCLEAR: its errors, and what becomes of the current VMCS") {
  RootMachine m;
  for (const u64 bad : bad_addresses) CHECK(m.vmclear(bad) == number(VmError::vmclear_bad_address));
  CHECK(m.vmclear(vmx_at::vmxon) == number(VmError::vmclear_vmxon_pointer));
  CHECK(m.vmptrst() == vmx_at::vmcs);
  CHECK(m.vmclear(region) == 0);
  CHECK(m.vmptrst() == vmx_at::vmcs);
  CHECK(m.vmclear(vmx_at::vmcs) == 0);
  CHECK(m.vmptrst() == ~u64{0});
  CHECK(m.vmclear(region + 8) == failed_invalid);  // no current VMCS could take the number
}

TEST_CASE("VMPTRLD: its errors; the current VMCS stays") {
  RootMachine m;
  for (const u64 bad : bad_addresses) CHECK(m.vmptrld(bad) == number(VmError::vmptrld_bad_address));
  CHECK(m.vmptrld(vmx_at::vmxon) == number(VmError::vmptrld_vmxon_pointer));
  m.put(region, vmcs_revision + 1, 4);
  CHECK(m.vmptrld(region) == number(VmError::vmptrld_wrong_revision));
  CHECK(m.vmptrst() == vmx_at::vmcs);
  m.put(region, vmcs_revision | shadow_indicator, 4);
  CHECK(m.vmptrld(region) == 0);
  CHECK(m.vmptrst() == region);
  // A shadow VMCS is for VMREAD and VMWRITE alone.
  CHECK(m.vmlaunch() == failed_invalid);
}

TEST_CASE("VMPTRLD: a CPU without VMCS shadowing knows no shadow-VMCS indicator") {
  RootMachine m({VmxControl::vmcs_shadowing});
  m.put(region, vmcs_revision | shadow_indicator, 4);
  CHECK(m.vmptrld(region) == number(VmError::vmptrld_wrong_revision));
}

TEST_CASE("VMREAD and VMWRITE: unsupported and read-only components") {
  RootMachine m;
  CHECK(m.vmwrite(info(Field::GUEST_RSP).encoding, 0x1234) == 0);
  CHECK(m.vmread(info(Field::GUEST_RSP).encoding) == 0);
  CHECK(m.cpu.gpr[RCX] == 0x1234);
  // No field; a high half where there is none; bits that no encoding has.
  for (const u64 none : {u64{0x1000}, u64{0x681d}, u64{0x1681c}, u64{1} << 32 | 0x681c}) {
    CAPTURE(none);
    CHECK(m.vmread(none) == number(VmError::unsupported_field));
    CHECK(m.vmwrite(none, 0) == number(VmError::unsupported_field));
  }
  CHECK(m.vmwrite(info(Field::EXIT_REASON).encoding, 7) == 0);  // IA32_VMX_MISC bit 29 is 1
  CHECK(m.vmclear(vmx_at::vmcs) == 0);
  CHECK(m.vmread(info(Field::GUEST_RSP).encoding) == failed_invalid);
  CHECK(m.vmwrite(info(Field::GUEST_RSP).encoding, 0) == failed_invalid);
}

TEST_CASE("VMWRITE: exit information is read-only where IA32_VMX_MISC says so") {
  RootMachine m({VmxControl::vmwrite_any_field});
  CHECK(m.vmwrite(info(Field::EXIT_REASON).encoding, 7) == number(VmError::read_only_field));
  CHECK(m.vmread(info(Field::EXIT_REASON).encoding) == 0);
}

TEST_CASE("VMLAUNCH and VMRESUME: the launch state, and MOV SS before them") {
  RootMachine m;
  CHECK(m.vmresume() == number(VmError::vmresume_not_launched));
  m.v->launched = true;
  CHECK(m.vmlaunch() == number(VmError::vmlaunch_not_clear));
  m.cpu.interrupt_shadow = Shadow::mov_ss;
  m.cpu.attention |= Attention::shadow;
  CHECK(m.vmresume() == number(VmError::blocked_by_mov_ss));
  m.set(Field::CR3_TARGET_COUNT, 5);
  CHECK(m.vmresume() == number(VmError::invalid_controls));
  m.set(Field::CR3_TARGET_COUNT, 0);
  m.set(Field::HOST_TR_SELECTOR, 0);
  CHECK(m.vmresume() == number(VmError::invalid_host_state));
  CHECK(m.vmclear(vmx_at::vmcs) == 0);
  CHECK(m.vmlaunch() == failed_invalid);
  CHECK(m.vmresume() == failed_invalid);
}

TEST_CASE("VMXON and VMCALL fail in VMX root operation, VMXON before it reads its operand") {
  RootMachine m;
  CHECK(m.vmxon(region) == number(VmError::vmxon_in_root));
  m.set(Field::VM_INSTRUCTION_ERROR, 0);
  m.cpu.gpr[RAX] = unmapped;
  CHECK(m.run_one({0xf3, 0x0f, 0xc7, 0x30}) == number(VmError::vmxon_in_root));
  CHECK(m.run_one({0x0f, 0x01, 0xc1}) == number(VmError::vmcall_in_root));
}

TEST_CASE("VMXON: regions that it refuses without a number, and VMXOFF before it") {
  RootMachine m;
  CHECK(m.run_one({0x0f, 0x01, 0xc4}) == 0);  // vmxoff
  CHECK(!m.cpu.vmx_operation);
  m.cpu.msr.feature_control = FeatureControl::lock | FeatureControl::vmx_outside_smx;
  for (const u64 bad : bad_addresses) CHECK(m.vmxon(bad) == failed_invalid);
  for (const u32 revision : {vmcs_revision + 1, vmcs_revision | shadow_indicator}) {
    m.put(region, revision, 4);
    CHECK(m.vmxon(region) == failed_invalid);
  }
  CHECK(!m.cpu.vmx_operation);
  m.put(region, vmcs_revision, 4);
  CHECK(m.vmxon(region) == 0);
  CHECK(m.cpu.vmx_operation);
  CHECK(m.vmptrst() == ~u64{0});
}

// "VMWRITE - Write Field to Virtual-Machine Control Structure": the operand has 32 bits outside 64-bit mode,
// and a full access writes all of the field.
TEST_CASE(
    "VMWRITE outside 64-bit mode: a full access clears the upper half, the access type high sets it alone") {
  VmxMachine m;
  m.cpu.mode.bits64 = false;
  for (const Field field :
       {Field::TSC_OFFSET, Field::EPT_POINTER, Field::GUEST_IA32_PAT, Field::HOST_IA32_EFER}) {
    const u64 encoding = info(field).encoding;
    CAPTURE(info(field).id);
    m.v->set(field, 0x1111111122222222);
    CHECK(vmwrite(m.cpu, *m.v, encoding, 0x33333333, 0, 0).ok);
    CHECK(m[field] == 0x33333333);
    CHECK(vmwrite(m.cpu, *m.v, encoding | 1, 0x44444444, 0, 0).ok);
    CHECK(m[field] == 0x4444444433333333);
  }
}
