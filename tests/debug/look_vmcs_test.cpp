// Owns the tests of VMCSs in words: decoded fields, what forbids a value, who wrote it, the life cycle.
#include "frontend/debug/look_paging.h"
#include "frontend/debug/look_vmcs.h"
#include "tests/debug/visor_machine.h"

using namespace ringside;

TEST_CASE("the life cycle of VMCSs: off, clear, launched") {
  VisorMachine m;
  CHECK(operation_text(m.cpu()) == "VMX off");
  CHECK(vmcs_list_text(m.cpu()) == "CPU 0: not in VMX operation\n");
  CHECK(last_exit_text(m.cpu()) == "there was no VM exit yet\n");
  REQUIRE(m.to_symbol("run_guest"));
  CHECK(has(vmcs_list_text(m.cpu()), "  0xa000         current  clear "));
  REQUIRE(m.into_guest());
  CHECK(has(vmcs_list_text(m.cpu()), "VMX non-root operation, VMXON region 0x9000"));
  REQUIRE(m.to_exit(ExitReason::cpuid));
  CHECK(has(vmcs_list_text(m.cpu()), "current  launched "));
  CHECK(has(vmcs_list_text(m.cpu()), "CPUID at guest RIP 0x"));
  for (const std::string& text : {vmcs_list_text(m.cpu(), &m.symbols), last_exit_text(m.cpu(), &m.symbols),
                                  vmcs_text(m.cpu(), m.vmcs(), {.symbols = &m.symbols})}) {
    const std::size_t at = text.find(" at guest RIP 0x");
    CHECK(has(text, " <guest_start+0x"));
    CHECK(has(text, "(visor/guest.inc:"));
    CHECK((at != text.npos || has(text, "where: guest RIP 0x")));
  }
}

TEST_CASE("fields are decoded, with who wrote them and where") {
  VisorMachine m;
  REQUIRE(m.to_exit(ExitReason::vmcall));
  VmcsTextOptions options;
  options.symbols = &m.symbols;
  const std::string text = vmcs_text(m.cpu(), m.vmcs(), options);
  CHECK(has(text, "VMCS at 0xa000: current, launched; "));
  CHECK(has(text, "no rule forbids an entry now"));
  CHECK(has(text, "       7 = 1  HLT exiting\n"));
  CHECK(has(text, "PML4 at 0x20000, memory type 6, accessed and dirty flags off"));
  CHECK(has(text, "(visor/vmcs.inc:"));
  CHECK(has(text, "code, execute/read, 64-bit, accessed, DPL 0  [saved by the last VM exit]"));
  CHECK(has(text, "<vm_exit") == false);
  CHECK(has(text, "vm_exit (visor/run.inc:"));  // HOST_RIP
  CHECK(has(text, "EXIT_REASON                       0x12  VMCALL"));
  options.area = "host";
  const std::string host = vmcs_text(m.cpu(), m.vmcs(), options);
  CHECK(has(host, "HOST_CR3"));
  CHECK_FALSE(has(host, "GUEST_CR3"));
  options.area.clear();
  options.all_fields = true;
  const std::string all = vmcs_text(m.cpu(), m.vmcs(), options);
  for (unsigned n = 0; n < field_count; ++n) {
    const Field field = static_cast<Field>(n);
    if (!m.cpu().vmx->capability.has(field)) continue;
    CHECK_MESSAGE(has(all, info(field).id), info(field).id);
  }
  CHECK(has(all, "(not in use: \"Use TPR shadow\" is 0)"));
}

TEST_CASE("what a capability or a rule of VM entry forbids is marked") {
  VisorMachine m;
  REQUIRE(m.to_symbol("run_guest"));
  Vmcs& vmcs = *m.cpu().vmx->current;
  CHECK(check_text(m.cpu(), vmcs) == "no rule of VM entry is broken\n");
  vmcs.set(Field::PIN_BASED_CONTROLS, vmcs[Field::PIN_BASED_CONTROLS] & ~u64{2});
  vmcs.set(Field::GUEST_CR4, vmcs[Field::GUEST_CR4] & ~Cr4::VMXE);
  const std::string text = vmcs_text(m.cpu(), vmcs);
  CHECK(has(text, "would refuse an entry now (marked !)"));
  CHECK(has(text, "       1 = 0  (no name)                                     ! must be 1\n"));
  CHECK(has(text, "      ! guest.cr4"));
  CHECK(has(text, "; nearest valid value 0x"));
  CHECK(has(check_text(m.cpu(), vmcs), "cure: GUEST_CR4 = "));
  CHECK_FALSE(has(check_text(m.cpu(), vmcs), "visor/"));
  CHECK(has(check_text(m.cpu(), vmcs, &m.symbols), "> (instruction "));
  CHECK(has(check_text(m.cpu(), vmcs, &m.symbols), "(visor/vmcs.inc:"));
  CHECK(has(field_text(m.cpu(), vmcs, Field::GUEST_CR4), "Guest CR4\n"));
  CHECK(has(field_text(m.cpu(), vmcs, Field::GUEST_CR4), "! guest.cr4"));
  CHECK_FALSE(has(field_text(m.cpu(), vmcs, Field::GUEST_CR0), "!"));
}

// Whatever a hypervisor writes: text.
TEST_CASE("random values in every field are told without harm") {
  VisorMachine m;
  REQUIRE(m.to_exit(ExitReason::vmcall));
  Vmcs& vmcs = *m.cpu().vmx->current;
  u64 random = 3;
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned n = 0; n < field_count; ++n) {
      random = random * 6364136223846793005 + 1442695040888963407;
      const Field field = static_cast<Field>(n);
      vmcs.set(field, (random ^ random >> 29) & info(field).value_mask());
    }
    VmcsTextOptions options;
    options.symbols = &m.symbols;
    CHECK(vmcs_text(m.cpu(), vmcs, options).size() > 1000);
    CHECK_FALSE(last_exit_text(m.cpu()).empty());
    CHECK_FALSE(guest_walk_text(m.cpu(), random).empty());
    CHECK_FALSE(ept_walk_text(m.cpu(), random).empty());
    CHECK_FALSE(text(mapped_ept(m.cpu(), 0, 10)).empty());
  }
}

TEST_CASE("an EPTP that no VM entry would take is not walked") {
  VisorMachine m;
  REQUIRE(m.to_exit(ExitReason::ept_violation));
  Vmcs& vmcs = *m.cpu().vmx->current;
  const u64 good = vmcs[Field::EPT_POINTER];
  for (const u64 length : {0, 2, 5, 6, 7}) {
    vmcs.set(Field::EPT_POINTER, (good & ~u64{0x38}) | length << 3);
    const std::string expected = "the page-walk length in bits 5:3 is not one that the CPU supports";
    CHECK(has(ept_walk_text(m.cpu(), 0x1000), expected));
    CHECK(has(guest_walk_text(m.cpu(), 0x1000), expected));
    CHECK(has(last_exit_text(m.cpu()), expected));
  }
}

TEST_CASE("fields are found by a part of their name") {
  CHECK(find_fields("guest_rip") == std::vector<Field>{Field::GUEST_RIP});
  CHECK(find_fields("_RIP").size() >= 3);
  CHECK(find_fields("nothing").empty());
}

TEST_CASE("the last exit is told with its cause and its walk") {
  VisorMachine m;
  REQUIRE(m.to_exit(ExitReason::ept_violation));
  const std::string text = last_exit_text(m.cpu());
  CHECK(has(text, "reason 48, EPT violation"));
  CHECK(has(text, "  why: \"Enable EPT\" is 1"));
  CHECK(has(text, "EPT violation: EPT PTE at 0x"));
  const u64 linear = m.vmcs()[Field::GUEST_LINEAR_ADDRESS];
  CHECK(has(guest_walk_text(m.cpu(), linear, {AccessKind::write}), "EPT violation: EPT PTE at 0x"));
  CHECK(has(ept_walk_text(m.cpu(), m.vmcs()[Field::GUEST_PHYSICAL_ADDRESS]), "EPT violation: EPT PTE at 0x"));
  CHECK(
      has(guest_walk_text(m.cpu(), m.vmcs()[Field::GUEST_RIP], {AccessKind::execute}), " is at physical 0x"));
}
