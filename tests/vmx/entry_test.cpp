// Owns the tests of VM entry: what it loads, what it refuses late, and the event that it injects.
#include "cpu/state/msrs.h"
#include "tests/vmx/fixture.h"

using namespace ringside;

TEST_CASE("a guest's CPUID exits, and VMRESUME goes on behind it") {
  VmxMachine m;
  m.guest({0x0f, 0xa2, 0x90, 0x0f, 0xa2});  // cpuid; nop; cpuid
  CHECK(m.broken_rules() == "");
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
  CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 2);
  CHECK(m.v->launched);
  m.set(Field::GUEST_RIP, vmx_at::guest_code + 2);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code + 3);
  CHECK(m.v->entries == 2);
  CHECK(m.v->exits == 2);
}

TEST_CASE("an entry with invalid guest state loads the host and tells two fields") {
  VmxMachine m;
  m.guest({0x0f, 0xa2});
  m.set(Field::GUEST_RFLAGS, 0);
  m.v->set(Field::VM_EXIT_INSTRUCTION_LENGTH, 7);
  m.enter();
  CHECK(m.in_host());
  CHECK(m.reason() == (m.number(ExitReason::entry_failure_guest_state) | entry_failure_bit));
  CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 7);
  CHECK(!m.v->launched);
}

TEST_CASE("the MSR-load list of an entry: loaded in order, or exit 34 with the entry's number") {
  VmxMachine m;
  m.guest({0x0f, 0xa2});
  m.msr_entry(vmx_at::msr_entry, 0, 0xc0000082, 0x1234);
  m.msr_entry(vmx_at::msr_entry, 1, msr_number::IA32_FS_BASE, 0);
  m.set(Field::VM_ENTRY_MSR_LOAD_ADDRESS, vmx_at::msr_entry);
  m.set(Field::VM_ENTRY_MSR_LOAD_COUNT, 2);
  m.enter();
  CHECK(m.in_host());
  CHECK(m.reason() == (m.number(ExitReason::entry_failure_msr_loading) | entry_failure_bit));
  CHECK(m[Field::EXIT_QUALIFICATION] == 2);
  CHECK(m.cpu.msr.lstar == 0x1234);
  m.set(Field::VM_ENTRY_MSR_LOAD_COUNT, 1);
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
}

TEST_CASE("EPT and VPID: the guest runs on its own translation, the host on its own") {
  VmxMachine m;
  m.use_ept();
  m.on(VmxControl::vpid);
  m.set(Field::VIRTUAL_PROCESSOR_ID, 5);
  m.guest({0x0f, 0xa2});
  CHECK(m.broken_rules() == "");
  CHECK(m.exit_of() == m.number(ExitReason::cpuid));
  CHECK(m.mmu->registers().vpid == 0);
  // The guest's code page is taken away.
  m.put(vmx_at::ept + 0x2000, 0);
  m.cpu.mmu.flush_all();
  m.vmx->ept->flush();
  CHECK(m.exit_of() == m.number(ExitReason::ept_violation));
  CHECK((m[Field::GUEST_PHYSICAL_ADDRESS] & ~u64{0xfff}) == at::pml4);
}

TEST_CASE("events are injected with their return addresses and error codes") {
  struct Case {
    u8 vector;
    EventType type;
    bool has_error;
    u32 length;
  };
  for (const Case& c :
       {Case{0x30, EventType::external_interrupt, false, 0}, Case{2, EventType::nmi, false, 0},
        Case{13, EventType::hardware_exception, true, 0}, Case{0x80, EventType::software_interrupt, false, 2},
        Case{1, EventType::privileged_software_exception, false, 1},
        Case{3, EventType::software_exception, false, 1}}) {
    VmxMachine m;
    CAPTURE(c.vector);
    m.code(vmx_at::guest_handler(c.vector), {0x0f, 0xa2});
    if (c.vector == 0x30) m.set(Field::GUEST_RFLAGS, Eflags::reserved_one | Eflags::IF);
    m.inject(c.vector, c.type, c.has_error, 0x50, c.length);
    CHECK(m.broken_rules() == "");
    CHECK(m.exit_of() == m.number(ExitReason::cpuid));
    CHECK(m[Field::GUEST_RIP] == vmx_at::guest_handler(c.vector));
    CHECK(!(m[Field::VM_ENTRY_INTERRUPTION_INFORMATION] & Interruption::valid));
    const u64 rsp = m[Field::GUEST_RSP];
    CHECK(rsp == vmx_at::guest_stack - 40 - (c.has_error ? 8 : 0));
    CHECK(m.get(rsp + (c.has_error ? 8 : 0)) == vmx_at::guest_code + c.length);
    if (c.has_error) CHECK(m.get(rsp) == 0x50);
    // Without virtual NMIs an NMI that is injected blocks none: the field decides.
    CHECK(m[Field::GUEST_INTERRUPTIBILITY_STATE] == 0);
  }
}

TEST_CASE("a fault on the way of an injected event: double fault, or an exit that tells of the event") {
  VmxMachine m;
  m.put(vmx_at::guest_idt + 16 * 13, 0);  // #GP's gate is none: #GP again
  m.inject(13, EventType::hardware_exception, true, 0x50);
  m.set(Field::EXCEPTION_BITMAP, 1 << 8);
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0x80000b08);
  CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0);
  m.inject(13, EventType::hardware_exception, true, 0x50);
  m.set(Field::EXCEPTION_BITMAP, 1 << 13);
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0x80000b0d);
  CHECK(m[Field::VM_EXIT_INTERRUPTION_ERROR_CODE] == 13 * 8 + 3);
  CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0x80000b0d);
  CHECK(m[Field::IDT_VECTORING_ERROR_CODE] == 0x50);
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
}

TEST_CASE("an injected MTF exit comes before the first instruction") {
  VmxMachine m;
  m.guest({0x0f, 0xa2});
  m.inject(0, static_cast<EventType>(7));
  CHECK(m.exit_of() == m.number(ExitReason::monitor_trap_flag));
  CHECK(m[Field::GUEST_RIP] == vmx_at::guest_code);
}

// "Loading Guest Control Registers, Debug Registers, and MSRs": of IA32_EFER an entry without "load
// IA32_EFER" sets LMA always, and LME only where it sets CR0.PG.
TEST_CASE("an entry without paging leaves the host's IA32_EFER.LME") {
  for (const bool load : {false, true}) {
    CAPTURE(load);
    VmxMachine m;
    m.use_ept();
    m.on(VmxControl::unrestricted_guest);
    m.off(VmxControl::ia32e_mode_guest);
    if (load) m.on(VmxControl::entry_load_efer);
    m.set(Field::GUEST_IA32_EFER, 0);
    m.set(Field::GUEST_CR0, m[Field::GUEST_CR0] & ~Cr0::PG);
    m.set(Field::GUEST_CS_SELECTOR, sel::code0);
    m.set(Field::GUEST_CS_ACCESS_RIGHTS, 0xc09b);
    m.guest({0x90});
    CHECK(m.broken_rules() == "");
    m.enter(1);
    CHECK(m.cpu.non_root);
    CHECK((m.cpu.efer & (Efer::LMA | Efer::LME)) == (load ? 0 : Efer::LME));
    // With paging both follow "IA-32e mode guest".
    VmxMachine paged;
    paged.guest({0x90});
    paged.enter(1);
    CHECK((paged.cpu.efer & (Efer::LMA | Efer::LME)) == (Efer::LMA | Efer::LME));
  }
}
