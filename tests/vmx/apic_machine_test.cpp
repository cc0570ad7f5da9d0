// Owns the tests of APIC virtualization with whole entries and exits: virtual interrupts in a guest that
// runs, trap-like exits, accesses to the APIC-access page by instructions, fetches and deliveries.
#include "tests/vmx/fixture.h"
#include "vmx/explain_exit.h"

using namespace ringside;

namespace {

constexpr u64 virtual_apic = 0x400000, apic_access = 0x401000, posted_descriptor = 0x402000,
              bitmap = 0x403000;

struct ApicMachine : VmxMachine {
  ApicMachine() {
    on(VmxControl::tpr_shadow);
    on(VmxControl::virtualize_apic_accesses);
    set(Field::VIRTUAL_APIC_ADDRESS, virtual_apic);
    set(Field::APIC_ACCESS_ADDRESS, apic_access);
  }
  void deliver_virtual_interrupts() {
    on(VmxControl::external_interrupt_exiting);
    on(VmxControl::virtual_interrupt_delivery);
    on(VmxControl::msr_bitmaps);
    on(VmxControl::virtualize_x2apic_mode);
    off(VmxControl::virtualize_apic_accesses);
    set(Field::MSR_BITMAP, bitmap);
    on(VmxControl::hlt_exiting);
  }
  u32 page(u32 offset) { return static_cast<u32>(get(virtual_apic + offset, 4)); }
};

}  // namespace

TEST_CASE("A pending virtual interrupt is delivered when STI's shadow ends") {
  ApicMachine m;
  m.deliver_virtual_interrupts();
  m.set(Field::GUEST_INTERRUPT_STATUS, 0x61);
  m.put(virtual_apic + 0x230, 1u << 1, 4);
  m.guest({0xfb, 0x90, 0x90, 0xf4});  // sti; nop; nop; hlt
  m.code(vmx_at::guest_handler(0x61), {0xb9, 0x0b, 0x08, 0, 0, 0x31, 0xc0, 0x31, 0xd2, 0x0f, 0x30, 0xf4});
  CHECK(m.broken_rules() == "");
  CHECK(m.exit_of() == m.number(ExitReason::hlt));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_handler(0x61) + 11);
  CHECK(m.get(m[Field::GUEST_RSP]) == vmx_at::guest_code + 2);  // STI; NOP, then the interrupt
  // The handler's EOI (WRMSR 80Bh) ended it.
  CHECK(m[Field::GUEST_INTERRUPT_STATUS] == 0);
  CHECK(m.page(0x230) == 0);
  CHECK(m.page(0x130) == 0);
}

TEST_CASE("A virtual interrupt wakes a guest from HLT; a posted one comes by the notification") {
  ApicMachine m;
  m.deliver_virtual_interrupts();
  m.off(VmxControl::hlt_exiting);
  m.on(VmxControl::acknowledge_interrupt);
  m.on(VmxControl::posted_interrupts);
  m.set(Field::POSTED_INTERRUPT_VECTOR, 0xf2);
  m.set(Field::POSTED_INTERRUPT_DESCRIPTOR, posted_descriptor);
  m.guest({0xfb, 0xf4, 0xf4});
  m.code(vmx_at::guest_handler(0x55), {0x0f, 0x01, 0xc1});  // vmcall
  CHECK(m.broken_rules() == "");
  m.enter();
  CHECK(m.cpu.non_root);
  CHECK(m.cpu.activity == Activity::hlt);
  m.put(posted_descriptor + 8, 1u << 21);  // vector 0x55
  m.put(posted_descriptor + 32, 1, 1);
  m.interrupts.waiting = 0xf2;
  m.cpu.attention |= Attention::interrupt;
  m.run();
  CHECK(m.interrupts.taken == 1);
  CHECK(m.in_host());
  CHECK(m.reason() == m.number(ExitReason::vmcall));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_handler(0x55));
  CHECK(m.get(m[Field::GUEST_RSP]) == vmx_at::guest_code + 2);
  CHECK(m[Field::GUEST_INTERRUPT_STATUS] == 0x5500);
  CHECK(m.get(posted_descriptor + 32, 1) == 0);
  CHECK(m.get(posted_descriptor + 8) == 0);
}

TEST_CASE("An external interrupt that is not the notification exits") {
  ApicMachine m;
  m.deliver_virtual_interrupts();
  m.on(VmxControl::acknowledge_interrupt);
  m.on(VmxControl::posted_interrupts);
  m.set(Field::POSTED_INTERRUPT_VECTOR, 0xf2);
  m.set(Field::POSTED_INTERRUPT_DESCRIPTOR, posted_descriptor);
  m.guest({0xeb, 0xfe});
  m.interrupts.waiting = 0xf1;
  CHECK(m.exit_of() == m.number(ExitReason::external_interrupt));
  CHECK((m[Field::VM_EXIT_INTERRUPTION_INFORMATION] & 0xff) == 0xf1);
}

TEST_CASE("Trap-like exits come after the instruction") {
  ApicMachine m;
  m.set(Field::TPR_THRESHOLD, 5);
  m.put(virtual_apic + 0x80, 0x80, 4);
  m.guest({0xb8, 0x05, 0, 0, 0, 0x44, 0x0f, 0x22, 0xc0,  // mov eax, 5; mov cr8, rax
           0xff, 0xc8, 0x44, 0x0f, 0x22, 0xc0, 0x90});   // dec eax; mov cr8, rax; nop
  CHECK(m.exit_of() == m.number(ExitReason::tpr_below_threshold));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 15);
  CHECK(m.page(0x80) == 0x40);
  // At once after VM entry.
  CHECK(m.exit_of() == m.number(ExitReason::tpr_below_threshold));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 15);
}

TEST_CASE("An access to the APIC-access page exits with its offset and the instruction's length") {
  for (const bool ept : {false, true}) {
    CAPTURE(ept);
    ApicMachine m;
    if (ept) m.use_ept();
    m.cpu.gpr[RBX] = apic_access;
    m.guest({0x8b, 0x83, 0x80, 0, 0, 0,                // mov eax, [rbx + 80h]: the TPR
             0xc7, 0x83, 0xb0, 0, 0, 0, 0, 0, 0, 0});  // mov dword [rbx + b0h], 0
    m.put(virtual_apic + 0x80, 0x20, 4);
    CHECK(m.exit_of() == m.number(ExitReason::apic_access));
    CHECK(m.cpu.gpr[RAX] == 0x20);
    CHECK(m[Field::EXIT_QUALIFICATION] == (0xb0 | 1 << 12));
    CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 6);
    CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 10);
    CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0);
  }
}

TEST_CASE("A fetch from the APIC-access page, and a delivery that pushes to it") {
  ApicMachine m;
  m.set(Field::GUEST_RIP, apic_access + 0x20);
  CHECK(m.exit_of() == m.number(ExitReason::apic_access));
  CHECK(m[Field::EXIT_QUALIFICATION] == (0x20 | 2 << 12));
  CHECK(m[Field::GUEST_RIP] == apic_access + 0x20);

  m.set(Field::GUEST_RIP, vmx_at::guest_code);
  m.set(Field::GUEST_RSP, apic_access + 0x100);
  m.guest({0xcd, 0x40});  // int 40h
  CHECK(m.exit_of() == m.number(ExitReason::apic_access));
  CHECK((m[Field::EXIT_QUALIFICATION] >> 12) == 3);
  CHECK(m[Field::IDT_VECTORING_INFORMATION] == (bit(31) | 4 << 8 | 0x40));
  CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 2);
}

TEST_CASE("A walk through a table on the APIC-access page exits, with EPT and without") {
  constexpr u64 region = u64{1} << 39;  // by the second PML4 entry
  constexpr u8 mov_rax[] = {0x48, 0xa1};
  for (const bool ept : {false, true}) {
    CAPTURE(ept);
    ApicMachine m;
    if (ept) m.use_ept();
    const u64 pml4 = m.cpu.cr3 & ~u64{0xfff};
    m.put(pml4 + 8, apic_access | 0x27);
    m.put(apic_access, 0x0 | 0x87);  // would map a 1-GByte page
    m.guest({mov_rax[0], mov_rax[1], 0, 0, 0, 0, 0x80, 0, 0, 0});
    CHECK(m.exit_of() == m.number(ExitReason::apic_access));
    CHECK(m[Field::EXIT_QUALIFICATION] == 15 << 12);
    CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
    CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0);
    CHECK(m.get(apic_access) == 0x87);  // no accessed flag
    CHECK(explain_exit(m.vmx->exit).headline.find("paging-structure entry") != std::string::npos);

    m.set(Field::GUEST_IDTR_BASE, region + vmx_at::guest_idt);
    m.guest({0xcd, 0x40});  // int 40h
    CHECK(m.exit_of() == m.number(ExitReason::apic_access));
    CHECK(m[Field::EXIT_QUALIFICATION] == 10 << 12);
    CHECK(m[Field::IDT_VECTORING_INFORMATION] == (bit(31) | 4 << 8 | 0x40));

    // The root of all tables, at the fetch; and nothing of that in a guest whose accesses are not
    // virtualized.
    m.set(Field::APIC_ACCESS_ADDRESS, pml4);
    m.set(Field::GUEST_IDTR_BASE, vmx_at::guest_idt);
    CHECK(m.exit_of() == m.number(ExitReason::apic_access));
    CHECK(m[Field::EXIT_QUALIFICATION] == 15 << 12);
    m.off(VmxControl::virtualize_apic_accesses);
    m.set(Field::GUEST_RIP, vmx_at::guest_code);
    m.guest({0x0f, 0xa2});
    CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  }
}
