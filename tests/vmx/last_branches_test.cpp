// Owns the tests of last branch records around guests: what VM entries and exits do to IA32_DEBUGCTL, and the
// MSR lists that hypervisors keep the records of their guests with.
#include "cpu/state/msrs.h"
#include "tests/vmx/fixture.h"

using namespace ringside;

namespace {

constexpr u32 IA32_DEBUGCTL = 0x1d9, MSR_LER_FROM_LIP = 0x1dd, MSR_LASTBRANCH_TOS = 0x1c9,
              MSR_LASTBRANCH_0_FROM_IP = 0x680, MSR_LASTBRANCH_0_TO_IP = 0x6c0, MSR_LBR_INFO_0 = 0xdc0;

}  // namespace

TEST_CASE("a guest's branches are recorded by its own IA32_DEBUGCTL, and the exit ends it") {
  VmxMachine m;
  m.guest({0xeb, 0x00, 0xeb, 0x01, 0xf4, 0x0f, 0xa2});  // jmp +0; jmp +1; hlt; cpuid
  m.set(Field::GUEST_IA32_DEBUGCTL, DebugControl::LBR);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.cpu.msr.debugctl == 0);
  CHECK((m.cpu.attention & Attention::step) == 0);
  CHECK(m[Field::GUEST_IA32_DEBUGCTL] == DebugControl::LBR);
  // Neither the entry nor the exit is a branch.
  CHECK(m.cpu.msr.last_branch_top == 2);
  CHECK(m.cpu.msr.last_branch_from[1] == vmx_at::guest_code);
  CHECK(m.cpu.msr.last_branch_to[1] == vmx_at::guest_code + 2);
  CHECK(m.cpu.msr.last_branch_from[2] == vmx_at::guest_code + 2);
  CHECK(m.cpu.msr.last_branch_to[2] == vmx_at::guest_code + 5);
}

TEST_CASE("without \"load debug controls\" the host's recording goes on in the guest") {
  VmxMachine m;
  m.guest({0xeb, 0x00, 0x0f, 0xa2});
  m.off(VmxControl::load_debug_controls);
  REQUIRE(write_msr(m.cpu, IA32_DEBUGCTL, DebugControl::LBR, 0));
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.cpu.msr.last_branch_top == 1);
  CHECK(m.cpu.msr.last_branch_from[1] == vmx_at::guest_code);
  CHECK(m.cpu.msr.debugctl == 0);
}

TEST_CASE("an event that is injected is recorded as one that the guest met") {
  VmxMachine m;
  m.guest({0x90});
  m.code(vmx_at::guest_handler(0x40), {0x0f, 0xa2});
  m.set(Field::GUEST_IA32_DEBUGCTL, DebugControl::LBR);
  m.inject(0x40, EventType::external_interrupt);
  m.set(Field::GUEST_RFLAGS, Eflags::reserved_one | Eflags::IF);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.cpu.msr.last_branch_top == 1);
  CHECK(m.cpu.msr.last_branch_from[1] == vmx_at::guest_code);
  CHECK(m.cpu.msr.last_branch_to[1] == vmx_at::guest_handler(0x40));
}

TEST_CASE("the lists of MSRs take a whole stack of records in and out, as Xen keeps it") {
  VmxMachine m;
  m.guest({0xeb, 0x00, 0x0f, 0xa2});
  m.set(Field::GUEST_IA32_DEBUGCTL, DebugControl::LBR);
  unsigned count = 0;
  const auto entry = [&](u32 number, u64 value) {
    m.msr_entry(vmx_at::msr_entry, count, number, value);
    m.msr_entry(vmx_at::msr_store, count, number, 0);
    ++count;
  };
  entry(MSR_LER_FROM_LIP, 0x1111);
  entry(MSR_LER_FROM_LIP + 1, 0x2222);
  entry(MSR_LASTBRANCH_TOS, 5);
  for (u32 n = 0; n < 32; ++n) {
    entry(MSR_LASTBRANCH_0_FROM_IP + n, 0xffff800000001000 + n);
    entry(MSR_LASTBRANCH_0_TO_IP + n, 0x2000 + n);
    entry(MSR_LBR_INFO_0 + n, n);
  }
  m.set(Field::VM_ENTRY_MSR_LOAD_ADDRESS, vmx_at::msr_entry);
  m.set(Field::VM_ENTRY_MSR_LOAD_COUNT, count);
  m.set(Field::VM_EXIT_MSR_STORE_ADDRESS, vmx_at::msr_store);
  m.set(Field::VM_EXIT_MSR_STORE_COUNT, count);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  const auto stored = [&](unsigned n) { return m.get(vmx_at::msr_store + 16 * n + 8); };
  CHECK(stored(0) == 0x1111);
  CHECK(stored(2) == 6);
  CHECK(stored(3 + 3 * 5) == 0xffff800000001005);
  CHECK(stored(3 + 3 * 6) == vmx_at::guest_code);
  CHECK(stored(3 + 3 * 6 + 1) == vmx_at::guest_code + 2);
  CHECK(stored(3 + 3 * 7 + 1) == 0x2007);
}
