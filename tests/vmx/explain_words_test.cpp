// Owns the tests of words about VM entries and faults: cures in the terms of the field, MSRs that a list
// could not load, and chains of faults from their beginning.
#include "cpu/exec/events/deliver.h"
#include "cpu/exec/events/events.h"
#include "cpu/state/msrs.h"
#include "tests/vmx/fixture.h"
#include "vmx/explain_refusal.h"
#include "vmx/explain_rule.h"

using namespace ringside;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// Of the first rule that a field's value breaks.
RuleExplanation broken_by(VmxMachine& m, Field field, u64 value) {
  m.set(field, value);
  const auto all = explain_violations({m.cpu, *m.v, m.vmx->capability});
  REQUIRE(!all.empty());
  return all.front();
}
std::string cure_of(Field field, u64 value, bool with_ept = false) {
  VmxMachine m;
  if (with_ept) m.use_ept();
  return cure_text(broken_by(m, field, value));
}

}  // namespace

TEST_CASE("cures are told in the terms of the field") {
  CHECK(cure_of(Field::CR3_TARGET_COUNT, 7) == "lower it to 4");
  CHECK(cure_of(Field::EPT_POINTER, vmx_at::ept, true) == "page-walk length 4 (3 in bits 5:3)");
  CHECK(cure_of(Field::EPT_POINTER, vmx_at::ept | 3 << 3 | 2, true).starts_with("memory type "));
  CHECK(cure_of(Field::HOST_CS_SELECTOR, sel::code64 | 3) == "clear RPL (bit 0), RPL (bit 1)");
  CHECK(cure_of(Field::GUEST_TR_ACCESS_RIGHTS, 0x89) == "type 11 (bits 3:0) instead of 9");
  CHECK(has(cure_of(Field::GUEST_RFLAGS, 0), "set "));
}

TEST_CASE("an explanation names the manual's chapter, and what else there is to do") {
  VmxMachine m;
  const RuleExplanation e = broken_by(m, Field::GUEST_CR0, m[Field::GUEST_CR0] & ~(Cr0::PE | Cr0::PG));
  CHECK(e.rule->id == "guest.cr0.fixed_bits");
  const std::string words = text(e);
  CHECK(has(words, "(Volume 3C, VM Entries)"));
  CHECK(has(words, "hint: or set \"Unrestricted guest\""));
}

TEST_CASE("an entry that fails in MSR loading knows the MSR, its value and why") {
  const auto refusal = [](u32 number, u64 value, u32 upper = 0) {
    VmxMachine m;
    m.msr_entry(vmx_at::msr_entry, 0, msr_number::IA32_PAT, 0x0007040600070406);
    m.msr_entry(vmx_at::msr_entry, 1, number, value);
    if (upper) m.put(vmx_at::msr_entry + 20, upper, 4);
    m.set(Field::VM_ENTRY_MSR_LOAD_ADDRESS, vmx_at::msr_entry);
    m.set(Field::VM_ENTRY_MSR_LOAD_COUNT, 2);
    m.enter();
    CHECK(m.reason() == (static_cast<u32>(ExitReason::entry_failure_msr_loading) | entry_failure_bit));
    return text(m.cpu, m.vmx->msr_refusal, "list");
  };
  CHECK(refusal(msr_number::IA32_FS_BASE, 5) ==
        "entry 2 of the list, at 0x202010: MSR 0xc0000100 (IA32_FS_BASE), value 0x5: no list may name it; "
        "FS_BASE in the "
        "VMCS is its place");
  CHECK(has(refusal(msr_number::IA32_PAT, 2),
            "MSR 0x277 (IA32_PAT), value 0x2: WRMSR of this value would be #GP(0)"));
  CHECK(has(refusal(msr_number::IA32_PAT, 6, 1), "bits 63:32 of the entry are not 0"));
}

TEST_CASE("a VMX abort names the MSR that could not be loaded or stored") {
  VmxMachine m;
  m.guest({0xf4});
  m.on(VmxControl::hlt_exiting);
  m.msr_entry(vmx_at::msr_load, 0, msr_number::IA32_PAT, 2);
  m.set(Field::VM_EXIT_MSR_LOAD_ADDRESS, vmx_at::msr_load);
  m.set(Field::VM_EXIT_MSR_LOAD_COUNT, 1);
  m.enter();
  const std::string why = shutdown_reason(m.cpu);
  CHECK(has(why, "VMX abort 4"));
  CHECK(has(why, "entry 1 of the VM-exit MSR-load list"));
  CHECK(has(why, "IA32_PAT), value 0x2"));
}

TEST_CASE("a chain of faults begins with the event that began it") {
  VmxMachine m;
  m.cpu.idtr.limit = 0;
  m.cpu.rip = vmx_at::host;
  m.cpu.raise(Vector::UD);
  deliver_fault(m.cpu);
  CHECK(m.cpu.activity == Activity::shutdown);
  const std::string why = shutdown_reason(m.cpu);
  CHECK(why.starts_with("triple fault: #UD at "));
  CHECK(has(why, ", then #GP(0x33) at "));
  CHECK(has(why, ", then #GP(0x6b) at "));
  CHECK(has(why, ", then #DF(0x0) at "));
  CHECK(has(why, ", then #GP(0x43) at "));
}

TEST_CASE("an interrupt that could not be delivered begins the chain") {
  VmxMachine m;
  m.cpu.idtr.limit = 0;
  m.cpu.rip = vmx_at::host;
  deliver_or_chain(m.cpu, {EventType::external_interrupt, 0x20});
  CHECK(m.cpu.activity == Activity::shutdown);
  CHECK(shutdown_reason(m.cpu).starts_with("triple fault: interrupt 0x20 at "));
}
