// Owns the tests of VMCSs in words: decoded fields, what forbids a value, who wrote it, the life cycle.
#include "frontend/inspect/look_paging.h"
#include "frontend/inspect/look_vmcs.h"
#include "frontend/inspect/vmcs_life.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/visor_machine.h"
#include "vmx/instructions.h"

using namespace ringside;

TEST_CASE("the life cycle of VMCSs: off, clear, launched") {
  VisorMachine m;
  CHECK(operation_text(m.cpu()) == "VMX off");
  CHECK(ringside::text(vmcs_life_sheet(*m.machine)) == "CPU 0: not in VMX operation\n");
  CHECK(ringside::text(last_exit_sheet(m.cpu())) == "there was no VM exit yet\n");
  REQUIRE(m.to_symbol("run_guest"));
  CHECK(has(ringside::text(vmcs_life_sheet(*m.machine)), "  0xa000         current  clear "));
  REQUIRE(m.into_guest());
  CHECK(has(ringside::text(vmcs_life_sheet(*m.machine)), "VMX non-root operation, VMXON region 0x9000"));
  REQUIRE(m.to_exit(ExitReason::cpuid));
  CHECK(has(ringside::text(vmcs_life_sheet(*m.machine)), "current  launched "));
  CHECK(has(ringside::text(vmcs_life_sheet(*m.machine)), "CPUID at guest RIP 0x"));
  for (const std::string& text : {ringside::text(vmcs_life_sheet(*m.machine, &m.symbols)),
                                  ringside::text(last_exit_sheet(m.cpu(), &m.symbols)),
                                  ringside::text(vmcs_sheet(m.cpu(), m.vmcs(), {.symbols = &m.symbols}))}) {
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
  const std::string text = ringside::text(vmcs_sheet(m.cpu(), m.vmcs(), options));
  CHECK(has(text, "VMCS at 0xa000: current, launched; "));
  CHECK(has(text, "no rule forbids an entry now"));
  CHECK(has(text, "       7 = 1  HLT exiting\n"));
  CHECK(has(text, "PML4 at 0x20000, memory type WB, accessed and dirty flags off"));
  CHECK(has(text, "(visor/vmcs.inc:"));
  CHECK(has(text, "code, execute/read, 64-bit, accessed, DPL 0  [saved by the last VM exit]"));
  CHECK(has(text, "<vm_exit") == false);
  CHECK(has(text, "vm_exit (visor/run.inc:"));  // HOST_RIP
  CHECK(has(text, "EXIT_REASON                       0x12  VMCALL"));
  options.area = "host";
  const std::string host = ringside::text(vmcs_sheet(m.cpu(), m.vmcs(), options));
  CHECK(has(host, "HOST_CR3"));
  CHECK_FALSE(has(host, "GUEST_CR3"));
  options.area.clear();
  options.all_fields = true;
  const std::string all = ringside::text(vmcs_sheet(m.cpu(), m.vmcs(), options));
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
  CHECK(ringside::text(check_sheet(m.cpu(), vmcs)) == "no rule of VM entry is broken\n");
  vmcs.set(Field::PIN_BASED_CONTROLS, vmcs[Field::PIN_BASED_CONTROLS] & ~u64{2});
  vmcs.set(Field::GUEST_CR4, vmcs[Field::GUEST_CR4] & ~Cr4::VMXE);
  const std::string text = ringside::text(vmcs_sheet(m.cpu(), vmcs));
  CHECK(has(text, "would refuse an entry now (marked !)"));
  CHECK(has(text, "       1 = 0  (no name)                                     ! must be 1\n"));
  CHECK(has(text, "      ! guest.cr4"));
  CHECK(has(text, "; nearest valid value 0x"));
  CHECK(has(ringside::text(check_sheet(m.cpu(), vmcs)), "cure: GUEST_CR4 = "));
  CHECK_FALSE(has(ringside::text(check_sheet(m.cpu(), vmcs)), "visor/"));
  CHECK(has(ringside::text(check_sheet(m.cpu(), vmcs, &m.symbols)), "> (instruction "));
  CHECK(has(ringside::text(check_sheet(m.cpu(), vmcs, &m.symbols)), "(visor/vmcs.inc:"));
  CHECK(has(ringside::text(field_sheet(m.cpu(), vmcs, Field::GUEST_CR4)), "Guest CR4\n"));
  CHECK(has(ringside::text(field_sheet(m.cpu(), vmcs, Field::GUEST_CR4)), "! guest.cr4"));
  CHECK_FALSE(has(ringside::text(field_sheet(m.cpu(), vmcs, Field::GUEST_CR0)), "!"));
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
    CHECK(ringside::text(vmcs_sheet(m.cpu(), vmcs, options)).size() > 1000);
    CHECK_FALSE(ringside::text(last_exit_sheet(m.cpu())).empty());
    CHECK_FALSE(ringside::text(guest_walk_sheet(m.cpu(), random)).empty());
    CHECK_FALSE(ringside::text(ept_walk_sheet(m.cpu(), random)).empty());
    CHECK_FALSE(ringside::text(sheet(mapped_ept(m.cpu(), 0, 10), "ept")).empty());
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
    CHECK(has(ringside::text(ept_walk_sheet(m.cpu(), 0x1000)), expected));
    CHECK(has(ringside::text(guest_walk_sheet(m.cpu(), 0x1000)), expected));
    CHECK(has(ringside::text(last_exit_sheet(m.cpu())), expected));
  }
}

// VMX instructions as a hypervisor on two CPUs would execute them.
struct TwoCpus : VisorMachine {
  static constexpr u64 region = 0x600000, other = 0x601000;
  TwoCpus() : VisorMachine("visor", 2) {
    for (unsigned n = 0; n < 2; ++n) machine->cpu(n).vmx_operation = true;
    for (const u64 at : {region, other}) machine->memory().write(HostPhys(at), 4, vmcs_revision);
  }
  void write(unsigned n, Field field, u64 value, u64 rip, u64 count) {
    Cpu& c = machine->cpu(n);
    CHECK(vmwrite(c, *c.vmx->current, info(field).encoding, value, rip, count).ok);
  }
};

TEST_CASE("a region that was cleared is listed still, with who wrote it; also once another CPU has it") {
  TwoCpus m;
  Cpu &first = m.machine->cpu(0), &second = m.machine->cpu(1);
  REQUIRE(vmclear(first, m.region, 0x1000, 10).ok);
  std::string list = ringside::text(vmcs_life_sheet(*m.machine));
  CHECK(has(list, "  0x600000       cleared  clear "));
  CHECK(has(list, "VMCLEAR at RIP 0x1000, instruction 10 of CPU 0\n"));
  REQUIRE(vmptrld(first, m.region).ok);
  m.write(0, Field::GUEST_RIP, 0x1234, 0x1010, 20);
  m.write(0, Field::HOST_RIP, 0x5678, 0x1018, 21);
  CHECK(has(ringside::text(vmcs_life_sheet(*m.machine)), "  0x600000       current  clear "));
  CHECK_FALSE(has(ringside::text(vmcs_life_sheet(*m.machine)), "cleared"));
  REQUIRE(vmptrld(first, m.other).ok);
  CHECK(has(ringside::text(vmcs_life_sheet(*m.machine)), "  0x600000       active   clear "));
  first.vmx->find_active(HostPhys(m.region))->launched = true;
  REQUIRE(vmclear(first, m.region, 0x1020, 30).ok);
  list = ringside::text(vmcs_life_sheet(*m.machine));
  CHECK(has(list, "  0x600000       cleared  clear "));
  CHECK(has(list, "VMCLEAR at RIP 0x1020, instruction 30 of CPU 0\n"));
  VmcsTextOptions options;
  options.machine = m.machine.get();
  auto known = find_vmcs(*m.machine, m.region);
  REQUIRE(known);
  CHECK(has(ringside::text(field_sheet(*known->cpu, *known->vmcs, Field::GUEST_RIP, options)),
            "0x1234  [VMWRITE at RIP 0x1010 (instruction 20)]"));
  CHECK(has(ringside::text(vmcs_sheet(*known->cpu, *known->vmcs, options)), "not active any more"));

  // Another CPU takes it over, and writes one field.
  REQUIRE(vmptrld(second, m.region).ok);
  m.write(1, Field::HOST_RIP, 0x9abc, 0x2000, 5);
  list = ringside::text(vmcs_life_sheet(*m.machine));
  CHECK(has(list, "of CPU 0; now active on CPU 1"));
  CHECK(has(list.substr(list.find("CPU 1:")), "  0x600000       current "));
  known = find_vmcs(*m.machine, m.region);
  REQUIRE(known);
  CHECK(known->cpu == &second);
  CHECK(has(ringside::text(field_sheet(second, *known->vmcs, Field::GUEST_RIP, options)),
            "VMWRITE at RIP 0x1010 (instruction 20 of CPU 0), before it was cleared"));
  CHECK(has(ringside::text(field_sheet(second, *known->vmcs, Field::HOST_RIP, options)),
            "VMWRITE at RIP 0x2000 (instruction 5)"));
  // A value that came with memory from somebody else has no known writer.
  REQUIRE(vmclear(second, m.region, 0x2008, 9).ok);
  CHECK(has(ringside::text(vmcs_life_sheet(*m.machine)), "of CPU 0; its memory has changed since"));
  CHECK(has(ringside::text(vmcs_life_sheet(*m.machine)), "VMCLEAR at RIP 0x2008, instruction 9 of CPU 1\n"));
  CHECK_FALSE(find_vmcs(*m.machine, 0x700000).has_value());
}

TEST_CASE("records of cleared regions are no part of the state, and do not grow without end") {
  TwoCpus m;
  Cpu& cpu = m.machine->cpu(0);
  for (u64 n = 0; n < 200; ++n) {
    const u64 at = 0x700000 + n * 0x1000;
    REQUIRE(vmclear(cpu, at, 0x1000, n).ok);
  }
  CHECK(cpu.vmx->former().size() == 64);
  CHECK(cpu.vmx->former().front().vmcs->region.value == 0x700000 + 199 * 0x1000);
  CHECK(cpu.vmx->active().empty());
  CHECK(cpu.vmx->current == nullptr);
  // A region that is no memory is not read.
  CHECK(vmclear(cpu, 0xfee00000, 0, 0).ok);
  CHECK(cpu.vmx->former().front().vmcs->region.value != 0xfee00000);
}

TEST_CASE("the rules that depend on the hypervisor's mode do not ask the guest's") {
  VisorMachine m;
  REQUIRE(m.into_guest());
  REQUIRE((m.cpu().efer & Efer::LMA) != 0);
  CHECK(ringside::text(check_sheet(m.cpu(), m.vmcs())) == "no rule of VM entry is broken\n");
  m.cpu().efer &= ~Efer::LMA;  // a guest that leaves IA-32e mode, seen in root operation of 64 bits
  CHECK(ringside::text(check_sheet(m.cpu(), m.vmcs())) == "no rule of VM entry is broken\n");
}

TEST_CASE("fields are found by a part of their name") {
  CHECK(find_fields("guest_rip") == std::vector<Field>{Field::GUEST_RIP});
  CHECK(find_fields("_RIP").size() >= 3);
  CHECK(find_fields("nothing").empty());
}

TEST_CASE("the last exit is told with its cause and its walk") {
  VisorMachine m;
  REQUIRE(m.to_exit(ExitReason::ept_violation));
  const std::string text = ringside::text(last_exit_sheet(m.cpu()));
  CHECK(has(text, "reason 48, EPT violation"));
  CHECK(has(text, "  why: the guest's "));
  CHECK(has(text, "EPT violation: EPT PTE at 0x"));
  const u64 linear = m.vmcs()[Field::GUEST_LINEAR_ADDRESS];
  CHECK(has(ringside::text(guest_walk_sheet(m.cpu(), linear, {AccessKind::write})),
            "EPT violation: EPT PTE at 0x"));
  CHECK(has(ringside::text(ept_walk_sheet(m.cpu(), m.vmcs()[Field::GUEST_PHYSICAL_ADDRESS])),
            "EPT violation: EPT PTE at 0x"));
  CHECK(has(ringside::text(guest_walk_sheet(m.cpu(), m.vmcs()[Field::GUEST_RIP], {AccessKind::execute})),
            " is at physical 0x"));
}
