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
