// Owns the tests of the EPT walk: page sizes, misconfigurations, violations and their qualification.
#include <doctest/doctest.h>

#include "tests/vmx/ept_machine.h"
#include "vmx/rules.h"

using namespace ringside;
using namespace ringside::test;

namespace {

using M = EptMachine;
using Q = EptQualification;
constexpr u64 none = ~u64{0};
constexpr u64 qualified = Q::linear_valid | Q::translation | Q::user_address | Q::writable_page;

CpuModel without(VmxControl control) {
  CpuModel model = vmx_model();
  model.vmx.reset(static_cast<std::size_t>(control));
  return model;
}
bool misconfigured(M& m, u64 linear, Access access) {
  return m.exit_of(linear, access).reason == ExitReason::ept_misconfiguration;
}

}  // namespace

TEST_CASE("each page size translates, and the second stage is between the guest and memory") {
  M m;
  CHECK(m.go(0x5678, M::write));
  CHECK(m.at == HostPhys(M::host_of_guest + 0x5678));
  CHECK(m.get_guest(0x13028) == (0x5000 | M::P | M::RW | M::US | M::GA | M::GD));
  // 2 MBytes: the guest's tables are in the same range.
  m.put(0x102000, M::host_of_guest | M::wb | M::rwx | M::large);
  CHECK(m.fresh(0x6789, M::read));
  CHECK(m.at == HostPhys(M::host_of_guest + 0x6789));
  // 1 GByte: guest-physical is host-physical.
  M g;
  g.put(0x101000, 0 | M::wb | M::rwx | M::large);
  g.cpu.cr3 = M::host_of_guest + 0x10000;
  for (const u64 table : {0x10000, 0x11000, 0x12000})
    g.put_guest(table, g.get_guest(table) + M::host_of_guest);
  g.cpu.update_translation();
  CHECK(g.fresh(0x5678, M::read));
  CHECK(g.at == HostPhys(0x5678));
  // A page of 4 KBytes ignores bit 7.
  M p;
  p.pte(0x5000, p.get(M::pte_at(0x5000)) | M::large);
  CHECK(p.fresh(0x5678, M::read));
}

TEST_CASE("five levels") {
  M m;
  m.put(0xff000, 0x100000 | M::rwx);
  m.set_eptp(0xff000 | 4 << 3 | 6);
  CHECK(m.go(0x5678, M::write));
  CHECK(m.at == HostPhys(M::host_of_guest + 0x5678));
  m.put(0xff000, 0x100000 | M::R | M::X);
  CHECK(m.qualification(0x5678, M::write) == (Q::write | Q::readable | Q::executable | qualified));
  m.put(0xff000, 0x100000 | M::rwx | M::large);
  CHECK(misconfigured(m, 0x5678, M::read));
}

TEST_CASE("page sizes that the CPU does not have are misconfigurations") {
  M m2(without(VmxControl::ept_2mb));
  m2.put(0x102000, M::host_of_guest | M::wb | M::rwx | M::large);
  CHECK(misconfigured(m2, 0x5678, M::read));
  M m1(without(VmxControl::ept_1gb));
  m1.put(0x101000, 0 | M::wb | M::rwx | M::large);
  CHECK(misconfigured(m1, 0x5678, M::read));
}

TEST_CASE("each misconfiguration, at each level") {
  // The entry of each level on the way to linear 0x5678; level 1 is the page's own, so that the guest's
  // tables can be read.
  constexpr u64 places[] = {0, 0x103028, 0x102000, 0x101000, 0x100000};
  for (unsigned level = 1; level <= 4; ++level) {
    CAPTURE(level);
    M m;
    const u64 at = places[level], good = m.get(at);
    const auto bad = [&](u64 entry) {
      CAPTURE(entry);
      m.put(at, entry);
      const ExitInfo exit = m.exit_of(0x5678, M::read);
      CHECK(exit.reason == ExitReason::ept_misconfiguration);
      CHECK(exit.qualification == 0);
      CHECK(exit.linear == 0);
      CHECK(exit.physical == (level == 1 ? 0x5678 : 0x10000));
      m.put(at, good);
    };
    const auto fine = [&](u64 entry) {
      CAPTURE(entry);
      m.put(at, entry);
      CHECK(m.fresh(0x5678, M::read));
      m.put(at, good);
    };
    bad((good & ~M::rwx) | M::W);
    bad((good & ~M::rwx) | M::W | M::X);
    for (unsigned b = m.model.physical_bits; b < 52; ++b) bad(good | bit(b));
    for (unsigned b = 52; b < 64; ++b) fine(good | bit(b));
    for (unsigned b = 8; b < 12; ++b) fine(good | bit(b));
    if (level == 4) bad(good | bit(7));
    if (level > 1) {
      for (unsigned b = 3; b < 7; ++b) bad(good | bit(b));
    } else {
      for (const u64 type : {2, 3, 7}) bad((good & ~EptEntry::memory_type) | type << 3);
      for (const u64 type : {0, 1, 4, 5, 6}) fine((good & ~EptEntry::memory_type) | type << 3);
      fine(good | EptEntry::ignore_pat);
      fine(good | bit(7));
    }
    // An entry that is not present is not misconfigured, whatever else it says.
    m.put(at, ~u64{0} & ~(M::rwx | M::XU));
    CHECK(m.exit_of(0x5678, M::read).reason == ExitReason::ept_violation);
  }
}

TEST_CASE("misconfigurations of large pages") {
  for (const u64 type : {2, 3, 7}) {
    M m;
    m.put(0x102000, M::host_of_guest | type << 3 | M::rwx | M::large);
    CHECK(misconfigured(m, 0x5678, M::read));
    m.put(0x101000, type << 3 | M::rwx | M::large);
    CHECK(misconfigured(m, 0x5678, M::read));
  }
  M m;
  for (unsigned b = 12; b < 21; ++b) {
    m.put(0x102000, M::host_of_guest | M::wb | M::rwx | M::large | bit(b));
    CHECK(misconfigured(m, 0x5678, M::read));
  }
  for (unsigned b = 12; b < 30; ++b) {
    m.put(0x101000, M::wb | M::rwx | M::large | bit(b));
    CHECK(misconfigured(m, 0x5678, M::read));
  }
}

TEST_CASE("execute-only needs a CPU that has it") {
  const u64 page = (M::host_of_guest + 0x5000) | M::wb | M::X;
  M with;
  with.pte(0x5000, page);
  CHECK(with.fresh(0x5678, M::fetch));
  CHECK(with.qualification(0x5678, M::read) == (Q::read | Q::executable | qualified));
  M lacks(without(VmxControl::ept_execute_only));
  lacks.pte(0x5000, page);
  CHECK(misconfigured(lacks, 0x5678, M::fetch));
}

TEST_CASE("every combination of rights and access") {
  M m;
  for (const u64 rights : {u64{0}, M::R, M::R | M::W, M::X, M::R | M::X, M::rwx}) {
    CAPTURE(rights);
    for (unsigned level = 1; level <= 3; ++level) {
      CAPTURE(level);
      // Linear 0x200000: guest-physical 2 MiB, by a PD and a PT of its own.
      m.put_guest(0x12008, 0x200000 | M::P | M::RW | M::US | PageEntry::PS);
      m.put(0x102008, 0x104000 | (level == 2 ? rights : M::rwx));
      m.put(0x104000, (M::host_of_guest + 0x200000) | M::wb | (level == 1 ? rights : M::rwx));
      if (level == 3) m.put(0x104000, (M::host_of_guest + 0x200000) | M::wb | rights | EptEntry::ignore_pat);
      const u64 anded = (rights & M::R ? Q::readable : 0) | (rights & M::W ? Q::writable : 0) |
                        (rights & M::X ? Q::executable : 0);
      const auto expect = [&](Access access, u64 needed, u64 kind) {
        CHECK(m.qualification(0x200123, access) == (rights & needed ? none : kind | anded | qualified));
      };
      expect(M::read, M::R, Q::read);
      expect(M::write, M::W, Q::write);
      expect(M::fetch, M::X, Q::fetch);
      expect(M::user_read, M::R, Q::read);
      expect(M::user_write, M::W, Q::write);
      expect(M::user_fetch, M::X, Q::fetch);
    }
  }
}

TEST_CASE("where an entry is not present no right is reported") {
  M m;
  m.put(0x104000, 0);
  m.put_guest(0x12008, 0x200000 | M::P | M::RW | M::US | PageEntry::PS);
  m.put(0x102008, 0x104000 | M::rwx);
  CHECK(m.qualification(0x200000, M::read) == (Q::read | qualified));
}

TEST_CASE("advanced information tells the guest's page, where the CPU gives it") {
  M m;
  m.pte(0x5000, 0);
  const auto bits = [&](u64 page) {
    m.guest_pte(0x5000, 0x5000 | page);
    return m.qualification(0x5000, M::read) & (Q::user_address | Q::writable_page | Q::execute_disable_page);
  };
  CHECK(bits(M::P) == 0);
  CHECK(bits(M::P | M::US) == Q::user_address);
  CHECK(bits(M::P | M::RW) == Q::writable_page);
  CHECK(bits(M::P | M::XD) == Q::execute_disable_page);
  // Of all levels.
  m.put_guest(0x12000, 0x13000 | M::P | M::XD);
  CHECK(bits(M::P | M::US | M::RW) == Q::execute_disable_page);
  // Without paging: a user-mode address of a read/write page.
  m.mmu.set_registers(PagingRegisters{});
  CHECK(m.qualification(0x5000, M::read) == (Q::read | qualified));
  M lacks(without(VmxControl::ept_advanced_information));
  lacks.pte(0x5000, 0);
  CHECK(lacks.qualification(0x5000, M::read) == (Q::read | Q::linear_valid | Q::translation));
}

TEST_CASE("violations of the guest's page walk") {
  M m;
  const u64 walk = Q::linear_valid;
  m.guest_pte(0x5000, 0x5000 | M::P | M::RW | M::US | M::GA);
  m.pte(0x13000, 0);
  CHECK(m.qualification(0x5678, M::write) == (Q::read | walk));
  CHECK(m.exit_of(0x5678, M::write).physical == 0x13028);
  CHECK(m.exit_of(0x5678, M::write).linear == 0x5678);
  CHECK(m.qualification(0x5678, M::fetch) == (Q::read | walk));
  // A table that cannot be written: only flag updates fail, as a read and a write.
  m.pte(0x13000, (M::host_of_guest + 0x13000) | M::wb | M::R);
  const u64 update = Q::read | Q::write | Q::readable | walk;
  CHECK(m.qualification(0x5678, M::read) == none);
  CHECK(m.qualification(0x5678, M::fetch) == none);
  CHECK(m.qualification(0x5678, M::write) == update);
  m.guest_pte(0x5000, 0x5000 | M::P | M::RW | M::US);
  CHECK(m.qualification(0x5678, M::read) == update);
  CHECK(m.qualification(0x5678, M::fetch) == update);
  m.guest_pte(0x5000, 0x5000 | M::P | M::RW | M::US | M::GA | M::GD);
  CHECK(m.qualification(0x5678, M::write) == none);
  // With accessed and dirty flags for EPT every access to a table is a write.
  m.set_eptp(M::eptp4 | Eptp::accessed_dirty);
  CHECK(m.qualification(0x5678, M::read) == update);
  m.pte(0x13000, 0);
  CHECK(m.qualification(0x5678, M::read) == (Q::read | Q::write | walk));
}

TEST_CASE("the guest's own refusals come first, and its reserved bits") {
  M m;
  m.pte(0x5000, 0);
  m.guest_pte(0x5000, 0x5000 | M::P);
  CHECK_FALSE(m.fresh(0x5000, M::user_read));
  CHECK(m.fault.kind == Fault::Kind::exception);
  m.guest_pte(0x5000, 0);
  CHECK_FALSE(m.fresh(0x5000, M::read));
  CHECK(m.fault.kind == Fault::Kind::exception);
}

TEST_CASE("outside 64-bit mode the linear address has 32 bits") {
  M m;
  m.cpu.cr0 = Cr0::ET;
  m.cpu.cr4 = 0;
  m.cpu.efer = 0;
  m.cpu.update_mode();
  m.cpu.update_translation();
  m.pte(0x5000, 0);
  CHECK(m.exit_of(0x5678, M::read).linear == 0x5678);
  Fault fault;
  fault.kind = Fault::Kind::second_stage;
  fault.stage.linear_valid = true;
  fault.stage.linear = LinAddr(0x1'0000'5678);
  CHECK(ept_exit(m.cpu, fault).linear == 0x5678);
}

TEST_CASE("guest-physical addresses beyond what four levels reach are violations") {
  CpuModel model = vmx_model();
  model.physical_bits = 52;
  M m(model);
  m.guest_pte(0x5000, bit(48) | M::P | M::RW | M::US);
  CHECK(m.qualification(0x5000, M::read) == (Q::read | qualified));
}

TEST_CASE("the load of the PDPTE registers has no linear address and only reads") {
  M m;
  m.put_guest(0x10000, 0x11000 | M::P);
  Fault fault;
  m.set_eptp(M::eptp4 | Eptp::accessed_dirty);
  m.pte(0x10000, (M::host_of_guest + 0x10000) | M::wb | M::R);
  CHECK(m.mmu.load_pdptes(0x10000, Cr0::PG, Cr4::PAE, 0, &fault));
  m.pte(0x10000, 0);
  CHECK_FALSE(m.mmu.load_pdptes(0x10000, Cr0::PG, Cr4::PAE, 0, &fault));
  const ExitInfo exit = ept_exit(m.cpu, fault);
  CHECK(exit.reason == ExitReason::ept_violation);
  CHECK(exit.qualification == Q::read);
  CHECK(exit.physical == 0x10000);
  CHECK(exit.linear == 0);
}

TEST_CASE("accesses to the APIC-access page on the way of a translation exit, below EPT violations") {
  constexpr HostPhys apic_access(M::host_of_guest + 0x12000);  // the guest's PD
  M m;
  m.mmu.set_apic_access_page(apic_access);
  CHECK(m.exit_of(0x5000, M::write).reason == ExitReason::apic_access);
  CHECK(m.exit_of(0x5000, M::write).qualification == 15 << 12);
  CHECK(m.get_guest(0x12000) == (0x13000 | M::P | M::RW | M::US));
  HostPhys at;
  CHECK_FALSE(m.mmu.probe(LinAddr(0x5000), M::read, at, m.fault));
  CHECK(m.fault.stage.apic_access);
  m.pte(0x12000, 0);
  CHECK(m.exit_of(0x5000, M::read).reason == ExitReason::ept_violation);
  m.pte(0x12000, apic_access.value | M::wb | M::rwx);
  // The PDPTEs.
  Fault fault;
  CHECK_FALSE(m.mmu.load_pdptes(0x12000, Cr0::PG, Cr4::PAE, 0, &fault));
  CHECK(ept_exit(m.cpu, fault).reason == ExitReason::apic_access);
  CHECK(ept_exit(m.cpu, fault).qualification == 15 << 12);
  m.mmu.set_apic_access_page(Mmu::no_apic_access_page);
  CHECK(m.fresh(0x5000, M::write));
}

TEST_CASE("mode-based execute control") {
  M m;
  m.turn_on(VmxControl::mode_based_execute);
  const u64 page = (M::host_of_guest + 0x5000) | M::wb;
  const u64 upper = M::rwx | M::XU;
  for (const u64 at : {0x100000, 0x101000, 0x102000}) m.put(at, m.get(at) | M::XU);
  const auto fetches = [&](u64 rights, u64 guest) {
    m.pte(0x5000, page | rights);
    m.guest_pte(0x5000, 0x5000 | guest);
    return m.qualification(0x5000, M::fetch);
  };
  const u64 user = M::P | M::RW | M::US, supervisor = M::P | M::RW;
  const u64 base = Q::fetch | Q::readable | Q::linear_valid | Q::translation | Q::writable_page;
  // It is the page that counts, not the privilege of who fetches.
  CHECK(fetches(M::R | M::X, supervisor) == none);
  CHECK(fetches(M::R | M::X, user) == (base | Q::executable | Q::user_address));
  CHECK(fetches(M::R | M::XU, user) == none);
  CHECK(fetches(M::R | M::XU, supervisor) == (base | Q::user_executable));
  CHECK(fetches(M::R, user) == (base | Q::user_address));
  CHECK(fetches(M::R | M::X | M::XU, user) == none);
  // Present by bit 10 alone; execute-only then.
  CHECK(fetches(M::XU, user) == none);
  CHECK(fetches(M::W | M::XU, user) == none);
  CHECK(m.exit_of(0x5000, M::fetch).reason == ExitReason::ept_misconfiguration);
  m.put(0x102000, 0x103000 | M::rwx);
  CHECK(fetches(M::R | M::XU, user) == (base | Q::user_address));
  m.put(0x102000, 0x103000 | upper);
  m.mmu.set_registers(PagingRegisters{});
  m.pte(0x5000, page | M::R | M::XU);
  CHECK(m.fresh(0x5000, M::fetch));  // without paging all addresses are user-mode ones
  M lacks(without(VmxControl::ept_execute_only));
  lacks.pte(0x5000, page | M::XU);
  CHECK(lacks.qualification(0x5000, M::fetch) == (Q::fetch | qualified));  // bit 10 is ignored: not present
  lacks.turn_on(VmxControl::mode_based_execute);
  for (const u64 at : {0x100000, 0x101000, 0x102000}) lacks.put(at, lacks.get(at) | M::XU);
  CHECK(misconfigured(lacks, 0x5000, M::fetch));
}

TEST_CASE("paging structures in places without memory read as ones and are misconfigured") {
  M m;
  m.put(0x102000, 0x40000000 | M::rwx);
  CHECK(misconfigured(m, 0x5000, M::read));
  m.set_eptp(0x3ff'ffff'f000 | 3 << 3 | 6);
  CHECK(misconfigured(m, 0x5000, M::read));
}

TEST_CASE("EPT pointers that VM entry refuses") {
  M m;
  const Capabilities& c = m.vmx.capability;
  CHECK(eptp_refusal(c, 0x100000 | 3 << 3 | 6).empty());
  CHECK(eptp_refusal(c, 0x100000 | 3 << 3 | 0).empty());
  CHECK(eptp_refusal(c, 0x100000 | 4 << 3 | 6 | 0x40).empty());
  for (const u64 type : {1, 2, 3, 4, 5, 7}) CHECK_FALSE(eptp_refusal(c, 0x100000 | 3 << 3 | type).empty());
  for (const u64 length : {0, 1, 2, 5, 6, 7})
    CHECK_FALSE(eptp_refusal(c, 0x100000 | length << 3 | 6).empty());
  for (unsigned b = 7; b < 12; ++b) CHECK_FALSE(eptp_refusal(c, 0x100000 | 3 << 3 | 6 | bit(b)).empty());
  for (unsigned b = c.physical_bits; b < 64; ++b) CHECK_FALSE(eptp_refusal(c, M::eptp4 | bit(b)).empty());
  M old(without(VmxControl::ept_accessed_dirty));
  CHECK_FALSE(eptp_refusal(old.vmx.capability, M::eptp4 | 0x40).empty());
}

TEST_CASE("what VM entry, INVEPT and EPTP switching take for an EPT pointer is the same") {
  for (const CpuModel& model : {vmx_model(), without(VmxControl::ept_accessed_dirty),
                                without(VmxControl::ept_5_levels), without(VmxControl::ept_uncacheable)}) {
    M m(model);
    m.vmcs().set(Field::PRIMARY_CONTROLS, mask(VmxControl::secondary_controls));
    m.vmcs().set(Field::SECONDARY_CONTROLS, mask(VmxControl::ept));
    const EntryView view{m.cpu, m.vmcs(), m.vmx.capability};
    const auto agree = [&](u64 eptp) {
      CAPTURE(eptp);
      m.vmcs().set(Field::EPT_POINTER, eptp);
      bool holds = true;
      unsigned rules = 0;
      for (const Rule& rule : entry_rules()) {
        if (!rule.id.starts_with("controls.ept_pointer.")) continue;
        ++rules;
        holds &= !rule.broken(view);
      }
      CHECK(rules >= 4);
      CHECK(eptp_refusal(m.vmx.capability, eptp).empty() == holds);
    };
    for (u64 low = 0; low < 0x1000; ++low) agree(0x100000 | low);
    for (unsigned b = 12; b < 64; ++b) agree(M::eptp4 | bit(b));
  }
}
