// Owns the tests of VM exit: the state saved, the state loaded, MSR lists and aborts.
#include "cpu/state/msrs.h"
#include "tests/vmx/fixture.h"

using namespace ringside;

TEST_CASE("an exit saves the guest and loads the host's fixed state") {
  VmxMachine m;
  m.guest({0x8e, 0xd0, 0x0f, 0xa2});  // mov ss, eax; cpuid
  m.cpu.gpr[RAX] = sel::data0;
  m.set(Field::GUEST_DR7, 0x401);
  m.set(Field::HOST_FS_BASE, 0x1122334455);
  m.set(Field::HOST_FS_SELECTOR, 0);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m[Field::GUEST_INTERRUPTIBILITY_STATE] == 2);
  CHECK(m[Field::GUEST_DR7] == 0x401);
  CHECK(m.cpu.dr7 == 0x400);
  CHECK(m.cpu.interrupt_shadow == 0);
  CHECK(m.cpu.eflags() == Eflags::reserved_one);
  CHECK(m.cpu.gpr[RSP] == at::stack0);
  CHECK(m.cpu.segment[FS].base == 0x1122334455);
  CHECK(!m.cpu.segment[FS].usable());
  CHECK(m.cpu.segment[CS].rights == 0xa09b);
  CHECK(m.cpu.segment[DS].rights == 0xc093);
  CHECK(m.cpu.segment[TR].rights == 0x8b);
  CHECK(m.cpu.segment[TR].limit == 0x67);
  CHECK(!m.cpu.segment[LDTR].usable());
  CHECK(m.cpu.gdtr.limit == 0xffff);
}

TEST_CASE("MSR lists of an exit: stored, loaded, and the VMX aborts") {
  VmxMachine m;
  m.guest({0x0f, 0xa2});
  m.cpu.msr.star = 77;
  m.msr_entry(vmx_at::msr_store, 0, 0xc0000081, 0);
  m.set(Field::VM_EXIT_MSR_STORE_ADDRESS, vmx_at::msr_store);
  m.set(Field::VM_EXIT_MSR_STORE_COUNT, 1);
  m.msr_entry(vmx_at::msr_load, 0, 0xc0000082, 0x8888);
  m.set(Field::VM_EXIT_MSR_LOAD_ADDRESS, vmx_at::msr_load);
  m.set(Field::VM_EXIT_MSR_LOAD_COUNT, 1);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.get(vmx_at::msr_store + 8) == 77);
  CHECK(m.cpu.msr.lstar == 0x8888);
  m.msr_entry(vmx_at::msr_load, 0, 0xc0000082, u64{1} << 63);  // not canonical
  m.enter();
  CHECK(m.cpu.activity == Activity::shutdown);
  CHECK(!m.cpu.non_root);
  CHECK(m.get(vmx_at::vmcs + 4, 4) == 4);
  CHECK(shutdown_reason(m.cpu).find("VMX abort 4") == 0);
}

TEST_CASE("a task switch exits before anything has changed, with its initiator and length") {
  VmxMachine m;
  // A 32-bit guest that calls a TSS.
  m.off(VmxControl::ia32e_mode_guest);
  m.set(Field::GUEST_CR0, (m[Field::GUEST_CR0]));
  m.set(Field::GUEST_IA32_EFER, 0);
  m.set(Field::GUEST_CS_SELECTOR, sel::code0);
  m.set(Field::GUEST_CS_ACCESS_RIGHTS, 0xc09b);
  m.set(Field::GUEST_CR4, Cr4::VMXE | Cr4::PSE);
  m.set(Field::GUEST_CR3, 0x400000);
  for (unsigned n = 0; n < 4; ++n) m.put(0x400000 + 4 * n, (u64{n} << 22) | 0x87, 4);
  m.guest({0x9a, 0, 0, 0, 0, sel::tss2, 0});
  CHECK(m.broken_rules() == "");
  CHECK(m.exit_of() == m.number(ExitReason::task_switch));
  CHECK(m[Field::EXIT_QUALIFICATION] == sel::tss2);
  CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 7);
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
  CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0);
  // By a task gate in the IDT.
  m.put(vmx_at::guest_idt + 8 * 3, gate(sel::tss2, 0, 5, 3));
  m.guest({0xcc});
  CHECK(m.exit_of() == m.number(ExitReason::task_switch));
  CHECK(m[Field::EXIT_QUALIFICATION] == (sel::tss2 | u64{3} << 30));
  CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 1);
  CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0x80000603);
}
