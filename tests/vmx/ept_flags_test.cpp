// Owns the tests of EPT's accessed and dirty flags, of page-modification logging and of virtualization
// exceptions.
#include <doctest/doctest.h>

#include "tests/vmx/ept_machine.h"

using namespace ringside;
using namespace ringside::test;

namespace {

using M = EptMachine;
constexpr u64 with_flags = M::eptp4 | Eptp::accessed_dirty;
constexpr u64 log_page = 0x200000, area = 0x201000;

struct Logged : M {
  Logged() {
    turn_on(VmxControl::pml);
    vmcs().set(Field::PML_ADDRESS, log_page);
    vmcs().set(Field::PML_INDEX, 511);
    set_eptp(with_flags);
  }
  u64 flags(u64 guest) { return get(pte_at(guest)) & (A | D); }
  u64 index() { return vmcs()[Field::PML_INDEX]; }
};

}  // namespace

TEST_CASE("accessed and dirty flags, only where the EPT pointer asks for them") {
  M m;
  CHECK(m.go(0x5678, M::write));
  CHECK((m.get(M::pte_at(0x5000)) & (M::A | M::D)) == 0);
  m.set_eptp(with_flags);
  CHECK(m.go(0x6678, M::read));
  CHECK((m.get(M::pte_at(0x6000)) & (M::A | M::D)) == M::A);
  for (const u64 at : {0x100000, 0x101000, 0x102000}) CHECK((m.get(at) & (M::A | M::D)) == M::A);
  // The guest's tables were read, which counts as a write.
  for (const u64 table : {0x10000, 0x11000, 0x12000, 0x13000})
    CHECK((m.get(M::pte_at(table)) & (M::A | M::D)) == (M::A | M::D));
  CHECK(m.go(0x6678, M::write));  // after a read that left no write tag
  CHECK((m.get(M::pte_at(0x6000)) & (M::A | M::D)) == (M::A | M::D));
  CHECK(m.go(0x7000, M::fetch));
  CHECK((m.get(M::pte_at(0x7000)) & (M::A | M::D)) == M::A);
}

TEST_CASE("flags of large pages") {
  M m;
  m.put(0x102008, (M::host_of_guest + 0x200000) | M::wb | M::rwx | M::large);
  m.put_guest(0x12008, 0x200000 | M::P | M::RW | M::US | PageEntry::PS);
  m.set_eptp(with_flags);
  CHECK(m.go(0x200000, M::read));
  CHECK((m.get(0x102008) & (M::A | M::D)) == M::A);
  CHECK(m.go(0x201000, M::write));
  CHECK((m.get(0x102008) & (M::A | M::D)) == (M::A | M::D));
}

TEST_CASE("flags that software clears are set again once the translation is walked again, without INVEPT") {
  M m;
  m.put(0x102008, (M::host_of_guest + 0x200000) | M::wb | M::rwx | M::large);
  m.put_guest(0x12008, 0x200000 | M::P | M::RW | M::US | PageEntry::PS);
  m.set_eptp(with_flags);
  for (const u64 linear : {0x200000, 0x5000}) {
    const u64 leaf = linear == 0x5000 ? M::pte_at(0x5000) : 0x102008;
    CHECK(m.go(linear, M::write));
    m.put(leaf, m.get(leaf) & ~(M::A | M::D));
    invalidate_for_transition(m.cpu);  // a VM exit and a VM entry without VPIDs
    CHECK(m.go(linear, M::write));
    CHECK((m.get(leaf) & (M::A | M::D)) == (M::A | M::D));
  }
}

TEST_CASE("a refused access sets no flags of EPT") {
  M m;
  m.pte(0x5000, (M::host_of_guest + 0x5000) | M::wb | M::R);
  m.set_eptp(with_flags);
  CHECK_FALSE(m.go(0x5000, M::write));
  CHECK((m.get(M::pte_at(0x5000)) & (M::A | M::D)) == 0);
}

TEST_CASE("the log gets the guest-physical page of each write that sets a dirty flag") {
  Logged m;
  CHECK(m.go(0x5678, M::read));
  // The four tables, in the order of the walk.
  CHECK(m.index() == 507);
  for (unsigned i = 0; i < 4; ++i) CHECK(m.get(log_page + 8 * (511 - i)) == 0x10000 + 0x1000 * i);
  CHECK(m.go(0x5678, M::write));
  CHECK(m.index() == 506);
  CHECK(m.get(log_page + 8 * 507) == 0x5000);
  m.start();
  CHECK(m.go(0x5abc, M::write));  // dirty already
  CHECK(m.index() == 506);
}

TEST_CASE("the index goes from 0 to FFFFH, and then the log is full") {
  Logged m;
  CHECK(m.go(0x5000, M::read));
  m.vmcs().set(Field::PML_INDEX, 0);
  CHECK(m.go(0x5000, M::write));
  CHECK(m.get(log_page) == 0x5000);
  CHECK(m.index() == 0xffff);
  CHECK(m.go(0x5008, M::write));  // nothing to log
  CHECK_FALSE(m.go(0x6678, M::write));
  CHECK(m.flags(0x6000) == 0);
  REQUIRE(m.fault.kind == Fault::Kind::second_stage);
  const ExitInfo exit = ept_exit(m.cpu, m.fault);
  CHECK(exit.reason == ExitReason::page_modification_log_full);
  CHECK(exit.qualification == 0);
  CHECK(m.index() == 0xffff);
  m.vmcs().set(Field::PML_INDEX, 511);
  CHECK(m.go(0x6678, M::write));
  CHECK(m.get(log_page + 8 * 511) == 0x6000);
  CHECK(m.flags(0x6000) == (M::A | M::D));
}

TEST_CASE("a full log stops the setting of accessed flags, too") {
  Logged m;
  CHECK(m.go(0x5000, M::read));
  m.vmcs().set(Field::PML_INDEX, 512);
  CHECK_FALSE(m.go(0x6000, M::read));
  CHECK(ept_exit(m.cpu, m.fault).reason == ExitReason::page_modification_log_full);
  CHECK(m.flags(0x6000) == 0);
  // A violation comes before.
  m.pte(0x6000, (M::host_of_guest + 0x6000) | M::wb | M::R);
  CHECK_FALSE(m.go(0x6000, M::write));
  CHECK(ept_exit(m.cpu, m.fault).reason == ExitReason::ept_violation);
}

TEST_CASE("without the control, or without flags, nothing is logged") {
  M m;
  m.vmcs().set(Field::PML_ADDRESS, log_page);
  m.vmcs().set(Field::PML_INDEX, 511);
  m.set_eptp(with_flags);
  CHECK(m.go(0x5000, M::write));
  CHECK(m.vmcs()[Field::PML_INDEX] == 511);
  Logged l;
  l.set_eptp(M::eptp4);
  CHECK(l.go(0x5000, M::write));
  CHECK(l.index() == 511);
}

namespace {

struct Exceptional : M {
  Exceptional() {
    turn_on(VmxControl::ept_violation_ve);
    vmcs().set(Field::VE_INFORMATION_ADDRESS, area);
    vmcs().set(Field::EPTP_INDEX, 0x1234);
    pte(0x5000, 0);
    put(area + 32, ~u64{0});
    start();
  }
  bool converts(u64 linear, Access access, bool delivering = false) {
    put(area, 0);
    if (fresh(linear, access)) return false;
    return convert_to_virtualization_exception(cpu, fault, delivering);
  }
};

}  // namespace

TEST_CASE("a convertible violation becomes a #VE, with its information") {
  Exceptional m;
  CHECK_FALSE(m.go(0x5678, M::write));
  CHECK(convert_to_virtualization_exception(m.cpu, m.fault, false));
  CHECK(m.fault.kind == Fault::Kind::exception);
  CHECK(m.fault.vector == Vector::VE);
  CHECK(m.get(area) == (48 | u64{0xffffffff} << 32));
  CHECK(m.get(area + 8) == 0x782);
  CHECK(m.get(area + 16) == 0x5678);
  CHECK(m.get(area + 24) == 0x5678);
  CHECK((m.get(area + 32) & 0xffff) == 0x1234);
  CHECK((m.get(area + 32) >> 16) == 0xffffffffffff);
  // Until software clears the word at offset 4 there is no other.
  CHECK_FALSE(m.go(0x5678, M::write));
  CHECK_FALSE(convert_to_virtualization_exception(m.cpu, m.fault, false));
  CHECK(m.fault.kind == Fault::Kind::second_stage);
}

TEST_CASE("what keeps a violation from becoming a #VE") {
  Exceptional m;
  CHECK(m.converts(0x5678, M::read));
  CHECK_FALSE(m.converts(0x5678, M::read, true));
  for (u64 b = 32; b < 64; ++b) {
    m.put(area, bit(static_cast<unsigned>(b)));
    CHECK_FALSE(m.fresh(0x5678, M::read));
    CHECK_FALSE(convert_to_virtualization_exception(m.cpu, m.fault, false));
  }
  // Bit 63: of an entry that is not present, and of one that maps a page, but of none above.
  m.pte(0x5000, EptEntry::suppress_ve);
  CHECK_FALSE(m.converts(0x5678, M::read));
  m.pte(0x5000, (M::host_of_guest + 0x5000) | M::wb | M::R | EptEntry::suppress_ve);
  CHECK_FALSE(m.converts(0x5678, M::write));
  m.pte(0x5000, (M::host_of_guest + 0x5000) | M::wb | M::R);
  CHECK(m.converts(0x5678, M::write));
  m.put(0x102000, m.get(0x102000) | EptEntry::suppress_ve);
  CHECK(m.converts(0x5678, M::write));
  m.put(0x102000, EptEntry::suppress_ve);
  CHECK_FALSE(m.converts(0x5678, M::write));
  m.put(0x102000, 0);
  CHECK(m.converts(0x5678, M::write));
  m.put(0x102000, M::W);
  CHECK_FALSE(m.converts(0x5678, M::write));  // a misconfiguration
  m.put(0x102000, 0);
  m.cpu.cr0 &= ~Cr0::PE;
  CHECK_FALSE(m.converts(0x5678, M::write));
  m.cpu.cr0 |= Cr0::PE;
  m.vmx.controls = {};
  m.turn_on(VmxControl::ept);
  CHECK_FALSE(m.converts(0x5678, M::write));
}
