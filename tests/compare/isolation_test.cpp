// Owns the tests of the isolation map, on tables that are written by hand.
#include "frontend/compare/isolation.h"

#include "tests/machine/guest.h"

namespace ringside::compare {
namespace {

constexpr u64 ept_a = 0x100000, ept_b = 0x110000, page_tables = 0x120000, host_tables = 0x130000;

class Written {
 public:
  Written() {
    Cpu& cpu = guest_.machine->cpu(0);
    cpu.efer |= Efer::LMA;
    // Guest A: a page with all rights, one that is read only, and 2 MBytes without the right to write.
    put(ept_a, (ept_a + 0x1000) | 7);
    put(ept_a + 0x1000, (ept_a + 0x2000) | 7);
    put(ept_a + 0x2000, (ept_a + 0x3000) | 7);
    put(ept_a + 0x2008, 0x400000 | 0x80 | 5);
    put(ept_a + 0x3000, 0x200000 | 7);
    put(ept_a + 0x3008, 0x201000 | 1);
    // Guest B shares the first of them, and a table above takes a right away.
    put(ept_b, (ept_b + 0x1000) | 1);
    put(ept_b + 0x1000, (ept_b + 0x2000) | 7);
    put(ept_b + 0x2000, (ept_b + 0x3000) | 7);
    put(ept_b + 0x3000, 0x200000 | 7);
    put(ept_b + 0x3008, 0x300000 | 7);
    // A process: two pages for CPL 3, one of them read only, and one for less.
    put(page_tables, (page_tables + 0x1000) | 7);
    put(page_tables + 0x1000, (page_tables + 0x2000) | 7);
    put(page_tables + 0x2000, (page_tables + 0x3000) | 7);
    put(page_tables + 0x3000, 0x200000 | 7);
    put(page_tables + 0x3008, 0x500000 | 5);
    put(page_tables + 0x3010, 0x501000 | 3);
    // The hypervisor: the first 8 MBytes, one to one.
    put(host_tables, (host_tables + 0x1000) | 3);
    put(host_tables + 0x1000, (host_tables + 0x2000) | 3);
    for (u64 n = 0; n < 4; ++n) put(host_tables + 0x2000 + 8 * n, n << 21 | 0x83);
    // What points at itself is walked to an end.
    put(host_tables + 8, host_tables | 3);
  }
  IsolationMap map() {
    return isolation_map(*guest_.machine, {{Domain::Kind::hypervisor, "hypervisor", {host_tables}},
                                           {Domain::Kind::guest, "A", {ept_a | 0x1e}},
                                           {Domain::Kind::guest, "B", {ept_b | 0x1e}},
                                           {Domain::Kind::process, "P", {page_tables}}});
  }
  void put(u64 at, u64 value) { guest_.put(at, value); }
  Machine& machine() { return *guest_.machine; }

 private:
  Guest guest_;
};

TEST_CASE("what two tables map is within the reach of both, by the rights on the way") {
  Written written;
  const IsolationMap map = written.map();
  REQUIRE(map.domains.size() == 4);
  const auto reach = [&](unsigned who, unsigned whose) { return map.reach[who][whose]; };
  CHECK(reach(1, 1) == Reach{2 + 512, 1});
  CHECK(reach(2, 2) == Reach{2, 0});
  CHECK(reach(3, 3) == Reach{2, 1});
  // The first page is A's, B's and the process's.
  CHECK(reach(1, 2) == Reach{1, 1});
  CHECK(reach(2, 1) == Reach{1, 0});
  CHECK(reach(3, 1) == Reach{1 + 1, 1});  // and 500000H lies in A's 2 MBytes
  CHECK(reach(1, 3) == Reach{2, 1});
  // Nobody reaches what the hypervisor alone maps, and it reaches all.
  for (const unsigned who : {1u, 2u, 3u}) CHECK(reach(who, 0) == Reach{0, 0});
  CHECK(reach(0, 1) == Reach{514, 514});
  CHECK(reach(0, 0).reads == 2048 - 514 - 1);  // without A's pages, and 300000H of B's
}

TEST_CASE("a guest on shadow page tables has both privileges, and is bound by the right to write") {
  Written written;
  const IsolationMap map =
      isolation_map(written.machine(), {{Domain::Kind::hypervisor, "hypervisor", {host_tables}},
                                        {Domain::Kind::guest, "shadowed", {page_tables}, true}});
  CHECK(map.reach[1][1] == Reach{3, 2});
}

TEST_CASE("what the hypervisor may run is counted without what XD forbids, anywhere on the way") {
  Written written;
  CHECK(written.map().executable == 2048);
  written.put(host_tables + 0x2008, u64{1} << 63 | u64{1} << 21 | 0x83);
  CHECK(written.map().executable == 2048 - 512);
  written.put(host_tables, u64{1} << 63 | (host_tables + 0x1000) | 3);
  CHECK(written.map().executable == 1);  // the table that points at itself
}

TEST_CASE("a page that is taken away is out of reach") {
  Written written;
  written.put(ept_b + 0x3000, 0);
  const IsolationMap map = written.map();
  CHECK(map.reach[2][1] == Reach{0, 0});
  CHECK(map.reach[2][3] == Reach{0, 0});
}

}  // namespace
}  // namespace ringside::compare
