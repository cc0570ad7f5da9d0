// Owns the tests of the trail of two-dimensional walks and of its words.
#include <doctest/doctest.h>

#include "tests/vmx/ept_machine.h"
#include "vmx/explain_walk.h"

using namespace ringside;
using namespace ringside::test;

namespace {

using M = EptMachine;

struct Explained : M {
  // What VM exit saves of the guest.
  void save_guest() {
    vmcs().set(Field::GUEST_CR0, cpu.cr0);
    vmcs().set(Field::GUEST_CR3, cpu.cr3);
    vmcs().set(Field::GUEST_CR4, cpu.cr4);
    vmcs().set(Field::VM_ENTRY_CONTROLS, mask(VmxControl::ia32e_mode_guest));
  }
  ExplainedWalk after(u64 linear, Access access) {
    const ExitInfo exit = exit_of(linear, access);
    save_guest();
    const auto walk = explain_walk(cpu, exit);
    REQUIRE(walk.has_value());
    CHECK(walk->failed);
    return *walk;
  }
};

}  // namespace

TEST_CASE("a walk with four levels in both stages reads 24 entries, in their order") {
  M m;
  WalkTrace trace;
  HostPhys at;
  Fault fault;
  const u64 before = m.get_guest(0x13028);
  CHECK(m.mmu.probe(LinAddr(0x5678), M::write, at, fault, &trace));
  CHECK(at == HostPhys(M::host_of_guest + 0x5678));
  CHECK(m.get_guest(0x13028) == before);
  REQUIRE(trace.count == 24);
  constexpr u64 of[] = {0x10000, 0x11000, 0x12000, 0x13028, 0x5678};
  for (unsigned i = 0; i < 24; ++i) {
    const WalkStep& s = trace.steps[i];
    CAPTURE(i);
    CHECK(s.second_stage == (i % 5 != 4));
    CHECK(s.level == (i % 5 == 4 ? 4 - i / 5 : 4 - i % 5));
    CHECK(s.failure.empty());
    if (s.second_stage)
      CHECK(s.of == GuestPhys(of[i / 5]));
    else
      CHECK(s.entry_at == GuestPhys(of[i / 5]));
  }
  CHECK(trace.steps[23].entry_at == GuestPhys(0x103028));
}

TEST_CASE("looking sets no flags, logs nothing and finds what the access would") {
  M m;
  m.turn_on(VmxControl::pml);
  m.vmcs().set(Field::PML_INDEX, 600);
  m.set_eptp(M::eptp4 | Eptp::accessed_dirty);
  HostPhys at;
  Fault fault;
  CHECK(m.mmu.probe(LinAddr(0x5678), M::write, at, fault));
  CHECK((m.get(M::pte_at(0x5000)) & (M::A | M::D)) == 0);
  m.pte(0x13000, (M::host_of_guest + 0x13000) | M::wb | M::R);
  CHECK_FALSE(m.mmu.probe(LinAddr(0x5678), M::read, at, fault));
  CHECK(fault.stage.page_walk);
}

TEST_CASE("the explanation of a look names the entry that refuses") {
  M m;
  CHECK(explain_walk(m.mmu, LinAddr(0x5678), M::read).conclusion == "linear 0x5678 is at physical 0x805678");
  m.pte(0x5000, (M::host_of_guest + 0x5000) | M::wb | M::X);
  ExplainedWalk walk = explain_walk(m.mmu, LinAddr(0x5678), M::read);
  CHECK(walk.failed);
  CHECK(walk.conclusion == "EPT violation: EPT PTE at 0x103028: has R=0, and the access is a read");
  CHECK(walk.steps.size() == 24);
  // Not the page's entry but one above lacks the right.
  m.put_guest(0x12008, 0x200000 | M::P | M::RW | M::US | PageEntry::PS);
  m.put(0x102008, 0x104000 | M::R);
  m.put(0x104000, (M::host_of_guest + 0x200000) | M::wb | M::rwx);
  walk = explain_walk(m.mmu, LinAddr(0x200000), M::write);
  CHECK(walk.conclusion == "EPT violation: EPT PDE at 0x102008: has W=0, and the access is a write");
  CHECK(walk.text().find("  EPT PDE    at 0x102008 = 0x104001: R - -, references a table  <- has W=0") !=
        std::string::npos);
  m.guest_pte(0x6000, 0);
  walk = explain_walk(m.mmu, LinAddr(0x6000), M::read);
  CHECK(walk.conclusion == "#PF: PTE at 0x13030: the entry is not present");
  m.put(0x102000, 0x103000 | M::W);
  walk = explain_walk(m.mmu, LinAddr(0x5000), M::read);
  CHECK(walk.conclusion ==
        "EPT misconfiguration: EPT PDE at 0x102000: misconfigured: bit 1 (write) is 1, bit 0 (read) is 0");
}

TEST_CASE("after an exit the walk is repeated from the VMCS") {
  Explained m;
  m.pte(0x5000, EptEntry::suppress_ve);
  CHECK(m.after(0x5678, M::write).conclusion == "EPT violation: EPT PTE at 0x103028: not present");
  CHECK(m.after(0x5678, M::write).steps.size() == 24);
  m.put(0x103000 + 0x11 * 8, 0);
  CHECK(m.after(0x5678, M::fetch).conclusion == "EPT violation: EPT PTE at 0x103088: not present");
  CHECK(m.after(0x5678, M::fetch).steps.size() == 9);
  ExitInfo other;
  other.reason = ExitReason::cpuid;
  CHECK_FALSE(explain_walk(m.cpu, other).has_value());
}

TEST_CASE(
    "after an exit: a flag that could not be set, a misconfiguration, and paging structures that changed") {
  Explained m;
  m.pte(0x13000, (M::host_of_guest + 0x13000) | M::wb | M::R);
  CHECK(m.after(0x5678, M::read).conclusion ==
        "EPT violation: EPT PTE at 0x103098: has W=0, and the access is a write");
  Explained c;
  c.pte(0x5000, (M::host_of_guest + 0x5000) | 2 << 3 | M::rwx);
  CHECK(c.after(0x5678, M::read).conclusion ==
        "EPT misconfiguration: EPT PTE at 0x103028: misconfigured: the memory type in bits 5:3 is reserved");
  Explained g;
  g.pte(0x5000, 0);
  const ExitInfo exit = g.exit_of(0x5678, M::read);
  g.save_guest();
  g.pte(0x5000, (M::host_of_guest + 0x5000) | M::wb | M::rwx);
  const auto walk = explain_walk(g.cpu, exit);
  REQUIRE(walk.has_value());
  CHECK_FALSE(walk->failed);
  CHECK_FALSE(walk->conclusion.empty());
}

TEST_CASE("why an EPT violation happened: which access of whom met which right of which entry") {
  Explained m;
  const auto cause = [&](u64 linear, Access access, u32 vectoring = 0) {
    ExitInfo exit = m.exit_of(linear, access);
    exit.vectoring = vectoring;
    m.save_guest();
    const auto walk = explain_walk(m.cpu, exit);
    REQUIRE(walk.has_value());
    return ept_cause(exit, *walk);
  };
  m.pte(0x5000, (M::host_of_guest + 0x5000) | M::wb | M::R);
  CHECK(cause(0x5678, M::write) ==
        "the guest's write to linear 0x5678, guest-physical 0x5678, met the EPT PTE (level 1) at 0x103028 = "
        "0x805031, which has W=0, and the access is a write");
  CHECK(cause(0x5678, M::write, Interruption::make(14, EventType::hardware_exception, true))
            .starts_with("while #PF was delivered, the guest's write"));
  CHECK(cause(0x5678, M::fetch).starts_with("the guest's instruction fetch at linear 0x5678,"));
  m.pte(0x5000, 0);
  CHECK(cause(0x5678, M::read).ends_with("= 0x0, which maps nothing: R, W and X are 0"));
  // The guest's own page table lies in a page that may not be read.
  m.pte(0x13000, 0);
  CHECK(cause(0x5678, M::read)
            .starts_with(
                "the page walk for linear 0x5678, by its read of its own entry at guest-physical 0x13028,"));
  Explained c;
  c.pte(0x5000, (M::host_of_guest + 0x5000) | 2 << 3 | M::rwx);
  const ExitInfo exit = c.exit_of(0x5678, M::read);
  c.save_guest();
  const std::string why = ept_cause(exit, *explain_walk(c.cpu, exit));
  CHECK(
      why.starts_with("the access to guest-physical 0x5678 met the EPT PTE (level 1) at 0x103028 = 0x805017, "
                      "which is misconfigured"));
}
