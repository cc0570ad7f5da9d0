// Owns the tests of the page walk: every paging mode, every right both ways, reserved bits, A and D bits.
#include <doctest/doctest.h>

#include "tests/mmu/machine.h"

using namespace ringside;
using namespace ringside::test;

TEST_CASE("without paging a linear address is the physical address") {
  Machine m;
  CHECK(m.go(0x12345, write_u));
  CHECK(m.at == HostPhys(0x12345));
  CHECK(m.write_tag(0x12345) == false);  // that is the user view; the present privilege is supervisor
  CHECK(m.go(0x12345, write_s));
  CHECK(m.write_tag(0x12345));
}

TEST_CASE("4-level paging translates and sets A on the way, D on a write only") {
  Machine m;
  m.long_mode();
  m.pte(0x5000, 0x8000 | P | RW | US);
  CHECK(m.go(0x5123, read_s));
  CHECK(m.at == HostPhys(0x8123));
  CHECK(m.get64(0x10000) == (0x11000 | P | RW | US | A));
  CHECK(m.get64(0x11000) == (0x12000 | P | RW | US | A));
  CHECK(m.get64(0x12000) == (0x13000 | P | RW | US | A));
  CHECK(m.get64(0x13000 + 5 * 8) == (0x8000 | P | RW | US | A));
  CHECK(m.read_tag(0x5123));
  CHECK_FALSE(m.write_tag(0x5123));
  CHECK(m.go(0x5ff8, write_s));
  CHECK(m.get64(0x13000 + 5 * 8) == (0x8000 | P | RW | US | A | D));
  CHECK(m.write_tag(0x5123));
}

TEST_CASE("a page that is not present faults, and the entries above it have been accessed") {
  Machine m;
  m.long_mode();
  m.pte(0x5000, 0x8000 | RW | US);
  CHECK(m.error(0x5010, read_s) == 0);
  CHECK(m.error(0x5010, write_u) == (2 | 4));
  CHECK(m.error(0x5010, exec_u) == (16 | 4));
  CHECK((m.get64(0x12000) & A));
  CHECK(m.get64(0x13000 + 5 * 8) == (0x8000 | RW | US));
}

TEST_CASE("rights of 4-level paging, both ways") {
  Machine m;
  m.long_mode();
  m.pte(0x1000, 0x8000 | P | RW);            // supervisor
  m.pte(0x2000, 0x8000 | P | US);            // read-only
  m.pte(0x3000, 0x8000 | P | RW | US | XD);  // no execution
  CHECK(m.error(0x1000, read_s) == -1);
  CHECK(m.error(0x1000, read_u) == (1 | 4));
  CHECK(m.error(0x1000, write_u) == (1 | 2 | 4));
  CHECK(m.error(0x2000, read_u) == -1);
  CHECK(m.error(0x2000, write_u) == (1 | 2 | 4));
  CHECK(m.error(0x2000, write_s) == (1 | 2));
  CHECK(m.error(0x3000, exec_u) == (1 | 4 | 16));
  CHECK(m.error(0x3000, exec_s) == (1 | 16));
  CHECK(m.error(0x2000, exec_u) == -1);
  CHECK(m.get64(0x13000 + 3 * 8) == (0x8000 | P | RW | US | XD));  // no A bit by a refused access
  m.regs.cr0 &= ~Cr0::WP;
  m.mmu.set_registers(m.regs);
  CHECK(m.error(0x2000, write_s) == -1);
  CHECK(m.error(0x2000, write_u) == (1 | 2 | 4));
}

TEST_CASE("32-bit paging: 4-KByte pages, 4-MByte pages with PSE-36") {
  Machine m;
  m.legacy_mode(Cr4::PSE);
  m.put32(0x13000 + 4 * 3, 0x9000 | P | RW | US);
  CHECK(m.go(0x3456, write_u));
  CHECK(m.at == HostPhys(0x9456));
  CHECK(m.get32(0x13000 + 4 * 3) == (0x9000 | P | RW | US | A | D));
  m.put32(0x12004, 0x00800000 | P | RW | US | PS | (0x12 << 13));
  CHECK(m.look(0x00412345, read_u));
  CHECK(m.at == HostPhys(0x1200812345));
}

TEST_CASE("PAE paging: PDPTE registers are checked when loaded") {
  Machine m;
  REQUIRE(m.pae_mode());
  m.pte(0x5000, 0x8000 | P | RW | US);
  CHECK(m.go(0x5678, write_u));
  CHECK(m.at == HostPhys(0x8678));
  CHECK(m.error(0x40000000, read_s) == 0);
  m.put64(0x10028, 0x12000 | P | RW);
  Fault fault;
  CHECK_FALSE(m.mmu.load_pdptes(0x10020, m.regs.cr0, m.regs.cr4, m.regs.efer, &fault));
  CHECK(fault.vector == Vector::GP);
  CHECK(m.mmu.pdptes()[1] == 0);
}

// "Flip every reserved bit": whatever the entry's legal value, each reserved bit alone makes it a fault with
// RSVD, and no other bit does.
template <class Put>
void check_reserved(Machine& m, u64 linear, u64 good, unsigned bits, u64 reserved, Put put) {
  put(good);
  REQUIRE(m.error(linear, read_s) == -1);
  for (unsigned i = 0; i < bits; ++i) {
    if (good >> i & 1) continue;
    CAPTURE(i);
    put(good | bit(i));
    WalkTrace trace;
    const bool ok = m.look(linear, read_s, &trace);
    // An entry further down may fault, too: a changed address leads anywhere.
    const bool here = trace.count != 0 && trace.steps[trace.count - 1].entry == (good | bit(i));
    const bool rsvd = !ok && here && (m.fault.error & PageFaultError::RSVD);
    CHECK(rsvd == ((reserved >> i & 1) != 0));
    if (rsvd) CHECK(m.fault.error == (PageFaultError::P | PageFaultError::RSVD));
    // A present bit of 0 hides all of them.
    put((good | bit(i)) & ~P);
    CHECK(m.error(linear, read_s) == 0);
  }
  put(good);
}

// In a PDPTE or PDE that references a table, PS would make bits of the table's address reserved ones.
TEST_CASE("reserved bits of 4- and 5-level paging, by MAXPHYADDR and NXE") {
  for (const unsigned physical : {36u, 40u, 46u, 52u}) {
    for (const u64 nxe : {u64{0}, Efer::NXE}) {
      CAPTURE(physical);
      CAPTURE(nxe);
      Machine m(physical);
      m.long_mode(Cr4::LA57, nxe);
      m.pte(0, 0x8000 | P);
      const u64 high = (physical < 52 ? bit_range(physical, 51) : 0) | (nxe ? 0 : XD);
      auto at = [&](u64 where) { return [&m, where](u64 value) { m.put64(where, value); }; };
      check_reserved(m, 0, 0x10000 | P | RW, 64, high | PS, at(0xf000));
      check_reserved(m, 0, 0x11000 | P | RW, 64, high | PS, at(0x10000));
      check_reserved(m, 0, 0x12000 | P | RW, 64, high | PS, at(0x11000));
      check_reserved(m, 0, 0x13000 | P | RW, 64, high | PS, at(0x12000));
      check_reserved(m, 0, 0x8000 | P | RW, 64, high, at(0x13000));
    }
  }
}

TEST_CASE("reserved bits of large pages in 4-level paging") {
  Machine m(40);
  m.long_mode();
  check_reserved(m, 0, 0x400000 | P | RW | PS, 64, bit_range(40, 51) | bit_range(13, 20),
                 [&](u64 v) { m.put64(0x12000, v); });
  check_reserved(m, 0, 0x40000000 | P | RW | PS, 64, bit_range(40, 51) | bit_range(13, 29),
                 [&](u64 v) { m.put64(0x11000, v); });
  m.mmu.set_gigabyte_pages(false);
  m.put64(0x11000, 0x40000000 | P | RW | PS);
  CHECK(m.error(0, read_s) == (1 | 8));
}

TEST_CASE("reserved bits of PAE paging: also bits 62:52") {
  for (const u64 nxe : {u64{0}, Efer::NXE}) {
    Machine m(40);
    REQUIRE(m.pae_mode(0, nxe));
    m.pte(0, 0x8000 | P);
    const u64 high = bit_range(40, 62) | (nxe ? 0 : XD);
    check_reserved(m, 0, 0x13000 | P | RW, 64, high | PS, [&](u64 v) { m.put64(0x12000, v); });
    check_reserved(m, 0, 0x8000 | P | RW, 64, high, [&](u64 v) { m.put64(0x13000, v); });
    check_reserved(m, 0, 0x400000 | P | RW | PS, 64, high | bit_range(13, 20),
                   [&](u64 v) { m.put64(0x12000, v); });
  }
}

TEST_CASE("every reserved bit of a PDPTE fails the load and leaves the registers alone") {
  Machine m(40);
  REQUIRE(m.pae_mode());
  const auto before = m.mmu.pdptes();
  const u64 reserved = bit_range(1, 2) | bit_range(5, 8) | bit_range(40, 63);
  for (unsigned slot = 0; slot < 4; ++slot) {
    for (unsigned i = 1; i < 64; ++i) {
      m.put64(0x10020 + slot * 8, 0x12000 | P | bit(i));
      CHECK(m.mmu.load_pdptes(0x10020, m.regs.cr0, m.regs.cr4, m.regs.efer) == !(reserved >> i & 1));
      if (reserved >> i & 1) CHECK(m.mmu.pdptes() == before);
      m.mmu.pdptes() = before;
      m.put64(0x10020 + slot * 8, (0x12000 | bit(i)));  // not present: anything goes
      CHECK(m.mmu.load_pdptes(0x10020, m.regs.cr0, m.regs.cr4, m.regs.efer));
      m.mmu.pdptes() = before;
    }
    m.put64(0x10020 + slot * 8, slot == 0 ? 0x12000 | P : 0);
  }
  // Other modes do not read the table.
  m.put64(0x10020, ~u64{0});
  CHECK(m.mmu.load_pdptes(0x10020, m.regs.cr0, m.regs.cr4, Efer::LMA));
  CHECK(m.mmu.load_pdptes(0x10020, m.regs.cr0, 0, 0));
  CHECK(m.mmu.load_pdptes(0x10020, Cr0::PE, m.regs.cr4, 0));
  CHECK(m.mmu.pdptes() == before);
}

TEST_CASE("32-bit paging: reserved bits are those of 4-MByte pages only, by MAXPHYADDR") {
  for (const unsigned physical : {32u, 36u, 40u, 46u}) {
    CAPTURE(physical);
    Machine m(physical);
    m.legacy_mode(Cr4::PSE);
    const unsigned width = physical < 40 ? physical : 40;
    check_reserved(m, 0, 0x800000 | P | RW | PS, 32, bit_range(width - 19, 21),
                   [&](u64 v) { m.put32(0x12000, v); });
    m.put32(0x12000, 0x13000 | P | RW);
    check_reserved(m, 0, 0x8000 | P | RW, 32, 0, [&](u64 v) { m.put32(0x13000, v); });
  }
  // With CR4.PSE = 0 the PS bit is ignored.
  Machine m;
  m.legacy_mode();
  m.put32(0x12000, 0x13000 | P | RW | PS);
  m.put32(0x13000, 0x8000 | P);
  CHECK(m.go(0x10, read_s));
  CHECK(m.at == HostPhys(0x8010));
}

TEST_CASE("large pages: addresses, and A and D in the entry that maps the page") {
  Machine m(40, 64 << 20);
  m.long_mode();
  m.put64(0x12008, 0x400000 | P | RW | US | PS | bit(12));  // bit 12 is PAT
  CHECK(m.go(0x234567, write_u));
  CHECK(m.at == HostPhys(0x434567));
  CHECK(m.get64(0x12008) == (0x400000 | P | RW | US | PS | bit(12) | A | D));
  m.put64(0x11008, 0 | P | RW | US | PS);
  CHECK(m.go(0x40000000 + 0x3abcdef, read_u));
  CHECK(m.at == HostPhys(0x3abcdef));
  CHECK(m.get64(0x11008) == (P | RW | US | PS | A));
}

TEST_CASE("5-level paging uses bits 56:48") {
  Machine m;
  m.long_mode(Cr4::LA57);
  m.put64(0xf000 + 8 * 3, 0x10000 | P | RW | US);
  m.pte(0x7000, 0x9000 | P | RW);
  CHECK(m.go(3 * bit(48) + 0x7001, read_s));
  CHECK(m.at == HostPhys(0x9001));
  CHECK_FALSE(m.go(bit(56), read_s));  // not canonical
  CHECK(m.fault.vector == Vector::GP);
}

TEST_CASE("rights are those of all levels together") {
  Machine m;
  m.long_mode();
  m.pte(0x1000, 0x8000 | P | RW | US);
  for (const u64 table : {0x10000, 0x11000, 0x12000}) {
    const u64 good = m.get64(table) & ~A;
    m.put64(table, good & ~US);
    CHECK(m.error(0x1000, read_u) == (1 | 4));
    CHECK(m.error(0x1000, read_s) == -1);
    m.put64(table, good & ~RW);
    CHECK(m.error(0x1000, write_s) == (1 | 2));
    CHECK(m.error(0x1000, read_u) == -1);
    m.put64(table, good | XD);
    CHECK(m.error(0x1000, exec_u) == (1 | 4 | 16));
    CHECK(m.error(0x1000, write_u) == -1);
    m.put64(table, good);
    CHECK(m.error(0x1000, write_u) == -1);
    CHECK(m.error(0x1000, exec_s) == -1);
  }
}

TEST_CASE("SMEP: no supervisor fetch from a user page; the I bit is reported without NXE, too") {
  Machine m;
  m.long_mode(0, 0);
  m.pte(0x1000, 0x8000 | P | RW | US);
  m.pte(0x2000, 0x8000 | P | RW);
  CHECK(m.error(0x1000, exec_s) == -1);
  CHECK(m.error(0x2000, exec_u) == (1 | 4));  // neither SMEP nor NXE: no I bit
  m.long_mode(Cr4::SMEP, 0);
  CHECK(m.error(0x1000, exec_s) == (1 | 16));
  CHECK(m.error(0x1000, exec_u) == -1);
  CHECK(m.error(0x2000, exec_s) == -1);
  CHECK(m.error(0x2000, exec_u) == (1 | 4 | 16));
  CHECK(m.error(0x3000, exec_s) == 16);
  Machine legacy;
  legacy.legacy_mode();
  CHECK(legacy.error(0x1000, exec_u) == 4);
}

TEST_CASE("SMAP: AC opens user pages to explicit supervisor accesses only") {
  Machine m;
  m.long_mode(Cr4::SMAP);
  m.pte(0x1000, 0x8000 | P | RW | US);
  m.pte(0x2000, 0x8000 | P | US);
  Access implicit = read_s;
  implicit.implicit = true;
  CHECK(m.error(0x1000, read_s) == 1);
  CHECK(m.error(0x1000, write_s) == (1 | 2));
  CHECK(m.error(0x1000, implicit) == 1);
  CHECK(m.error(0x1000, read_u) == -1);
  CHECK(m.error(0x1000, exec_s) == -1);  // fetches are SMEP's
  m.mmu.set_privilege(false, true, false);
  CHECK(m.error(0x1000, read_s) == -1);
  CHECK(m.error(0x1000, write_s) == -1);
  CHECK(m.error(0x2000, write_s) == (1 | 2));
  CHECK(m.error(0x1000, implicit) == 1);
  m.regs.cr0 &= ~Cr0::WP;
  m.mmu.set_registers(m.regs);
  CHECK(m.error(0x2000, write_s) == -1);
  m.mmu.set_privilege(false, false, false);
  CHECK(m.error(0x2000, write_s) == (1 | 2));  // WP = 0 does not open user pages
}

TEST_CASE("protection keys of user pages") {
  Machine m;
  m.long_mode(Cr4::PKE);
  for (u64 key = 0; key < 16; ++key) {
    m.pte(0x1000, 0x8000 | P | RW | US | key << 59);
    m.pte(0x2000, 0x8000 | P | RW | key << 59);
    auto with = [&](u32 rights, bool wp) {
      m.regs.pkru = rights << (2 * key);
      m.regs.cr0 = wp ? m.regs.cr0 | Cr0::WP : m.regs.cr0 & ~Cr0::WP;
      m.mmu.set_registers(m.regs);
    };
    with(0, true);
    CHECK(m.error(0x1000, write_u) == -1);
    with(1, true);
    CHECK(m.error(0x1000, read_u) == (1 | 4 | 32));
    CHECK(m.error(0x1000, write_s) == (1 | 2 | 32));
    CHECK(m.error(0x1000, exec_u) == -1);
    CHECK(m.error(0x2000, write_s) == -1);  // a supervisor page
    CHECK(m.error(0x2000, read_u) == (1 | 4));
    with(2, true);
    CHECK(m.error(0x1000, read_u) == -1);
    CHECK(m.error(0x1000, write_u) == (1 | 2 | 4 | 32));
    CHECK(m.error(0x1000, write_s) == (1 | 2 | 32));
    with(2, false);
    CHECK(m.error(0x1000, write_s) == -1);
    CHECK(m.error(0x1000, write_u) == (1 | 2 | 4 | 32));
    with(1, false);
    CHECK(m.error(0x1000, read_s) == (1 | 32));
    m.regs.pkru = ~(3u << (2 * key));  // all other keys refuse
    m.mmu.set_registers(m.regs);
    CHECK(m.error(0x1000, write_u) == -1);
  }
  // The PK flag stands beside another reason; a page that is not present has no key.
  m.regs.pkru = 0xffffffff;
  m.mmu.set_registers(m.regs);
  m.regs.cr0 |= Cr0::WP;
  m.mmu.set_registers(m.regs);
  m.pte(0x1000, 0x8000 | P | US);
  CHECK(m.error(0x1000, write_u) == (1 | 2 | 4 | 32));
  m.pte(0x1000, 0x8000 | RW | US);
  CHECK(m.error(0x1000, write_u) == (2 | 4));
  // With CR4.PKE = 0 bits 62:59 are ignored.
  m.pte(0x1000, 0x8000 | P | RW | US | u64{5} << 59);
  m.regs.cr4 &= ~Cr4::PKE;
  m.mmu.set_registers(m.regs);
  CHECK(m.error(0x1000, write_u) == -1);
}

TEST_CASE("protection keys of supervisor pages") {
  Machine m;
  m.long_mode(Cr4::PKS);
  m.pte(0x1000, 0x8000 | P | RW | u64{3} << 59);
  m.pte(0x2000, 0x8000 | P | RW | US | u64{3} << 59);
  m.regs.pkrs = 1 << 6;
  m.regs.pkru = 0xffffffff;
  m.mmu.set_registers(m.regs);
  CHECK(m.error(0x1000, read_s) == (1 | 32));
  CHECK(m.error(0x1000, exec_s) == -1);
  CHECK(m.error(0x2000, write_u) == -1);
  m.regs.pkrs = 2 << 6;
  m.mmu.set_registers(m.regs);
  CHECK(m.error(0x1000, read_s) == -1);
  CHECK(m.error(0x1000, write_s) == (1 | 2 | 32));
  m.regs.cr0 &= ~Cr0::WP;
  m.mmu.set_registers(m.regs);
  CHECK(m.error(0x1000, write_s) == -1);
}

TEST_CASE("a look changes nothing and leaves the trail with the failing step in words") {
  Machine m;
  m.long_mode();
  m.pte(0x5000, 0x8000 | P);
  WalkTrace trace;
  CHECK(m.look(0x5010, read_s, &trace));
  CHECK(m.at == HostPhys(0x8010));
  REQUIRE(trace.count == 4);
  CHECK(trace.steps[0].level == 4);
  CHECK(trace.steps[0].entry_at == GuestPhys(0x10000));
  CHECK(trace.steps[3].level == 1);
  CHECK(trace.steps[3].entry_at == GuestPhys(0x13028));
  CHECK(trace.steps[3].entry == (0x8000 | P));
  CHECK(trace.steps[3].failure.empty());
  CHECK(m.get64(0x10000) == (0x11000 | P | RW | US));
  CHECK(m.get64(0x13028) == (0x8000 | P));
  CHECK_FALSE(m.read_tag(0x5010));
  trace = {};
  CHECK_FALSE(m.look(0x5010, write_u, &trace));
  CHECK(m.fault.error == (1 | 2 | 4));
  CHECK(trace.count == 4);
  CHECK_FALSE(trace.steps[3].failure.empty());
  CHECK(m.get64(0x10000) == (0x11000 | P | RW | US));
  m.put64(0x11000, 0);
  trace = {};
  CHECK_FALSE(m.look(0x5010, read_s, &trace));
  CHECK(trace.count == 2);
  CHECK_FALSE(trace.steps[1].failure.empty());
}

TEST_CASE("an address that is not canonical never gets a tag") {
  Machine m;
  m.long_mode();
  m.pte(0x5000, 0x8000 | P | RW);
  CHECK_FALSE(m.go(bit(47) + 0x5000, read_s));
  CHECK(m.fault.vector == Vector::GP);
  CHECK_FALSE(m.look(bit(60) + 0x5000, read_s));
}
