// Owns the tests of pages that share a slot of the TLB, and of stores to pages with code.
#include <doctest/doctest.h>

#include "tests/mmu/pages.h"

using namespace ringside;
using namespace ringside::test;

TEST_CASE("loads and stores that share a slot do not take turns to miss") {
  Pages m;
  const u64 other = 0x40000000 + 0x5000;
  REQUIRE(tlb_index(other) == tlb_index(0x5000));
  CHECK(m.go(0x5000, write_s));
  CHECK(m.read_tag(0x5000));
  CHECK(m.go(other, read_s));
  CHECK(m.read_tag(other));
  CHECK(m.write_tag(0x5000));
  const u64 walks = m.mmu.statistics().walks;
  CHECK(m.go(0x5123, write_s));
  CHECK(m.at == HostPhys(0x105123));
  CHECK(m.go(other + 0x123, read_s));
  CHECK(m.at == HostPhys(0x5123));
  CHECK(m.mmu.statistics().walks == walks);
  // A store to the page that is only read takes the slot, and the other page loses nothing but that.
  CHECK(m.go(other, write_s));
  CHECK(m.write_tag(other));
  CHECK_FALSE(m.write_tag(0x5000));
  CHECK(m.go(0x5000, write_s));
  CHECK(m.write_tag(0x5000));
  CHECK(m.read_tag(other));
}

TEST_CASE("a store goes beside the lines of a page that hold code, as long as the page may be written") {
  const auto beside = [](Pages& m, u64 linear, unsigned size = 8) {
    const u8* at = m.mmu.store_beside_code(linear, size);
    if (at) CHECK(at == m.memory.pointer(HostPhys(0x100000 + linear), false));
    return at != nullptr;
  };
  const auto prepare = [](Pages& m) {
    m.memory.mark_code(HostPhys(0x103000), 1);
    m.mmu.drop_write_tags(HostPhys(0x103000));
    CHECK(m.go(0x3000, write_s));
    CHECK_FALSE(m.write_tag(0x3000));
  };
  {
    Pages m;
    CHECK_FALSE(beside(m, 0x3200));
    CHECK(m.go(0x3000, read_s));
    m.memory.mark_code(HostPhys(0x103000), 1);
    CHECK(m.go(0x3000, read_s));
    CHECK_FALSE(beside(m, 0x3200));  // nobody has asked to write
    prepare(m);
    CHECK(beside(m, 0x3200));
    CHECK(beside(m, 0x3080, 1));
    CHECK_FALSE(beside(m, 0x307f, 1));
    CHECK_FALSE(beside(m, 0x307c));  // into both lines
    CHECK(beside(m, 0x3ff8));
    CHECK_FALSE(beside(m, 0x3ff9));
    CHECK_FALSE(beside(m, 0x13200));  // the same place of another page
    m.memory.mark_code(HostPhys(0x103200), 1);
    CHECK_FALSE(beside(m, 0x3200));
    const u64 walks = m.mmu.statistics().walks;
    CHECK(m.go(0x3200, write_s));
    CHECK(m.at == HostPhys(0x103200));
    CHECK(m.mmu.statistics().walks == walks);
  }
  const auto loses_by = [&](auto act) {
    Pages m;
    prepare(m);
    CHECK(beside(m, 0x3200));
    act(m);
    CHECK_FALSE(beside(m, 0x3200));
  };
  loses_by([](Pages& m) { m.mmu.invlpg(LinAddr(0x3abc)); });
  loses_by([](Pages& m) { m.cr3(0, false); });
  loses_by([](Pages& m) { m.cr3(1, true); });
  loses_by([](Pages& m) { m.mmu.flush_all(); });
  loses_by([](Pages& m) { m.memory.add_mark(); });
  loses_by([](Pages& m) { m.mmu.set_privilege(true, false, false); });
  loses_by([](Pages& m) { m.mmu.set_privilege(false, false, true); });
  loses_by([](Pages& m) {
    const LinAddr watched[] = {LinAddr(0x3010)};
    m.mmu.set_watched_pages(watched);
    CHECK(m.go(0x3000, write_s));
  });
  loses_by([](Pages& m) {
    m.pte(0x3000, 0x103000 | P | US);
    m.mmu.invlpg(LinAddr(0x3000));
    CHECK_FALSE(m.go(0x3000, write_s));
    CHECK(m.go(0x3000, read_s));
  });
  loses_by([](Pages& m) {
    m.memory.unmark_code_page(HostPhys(0x103000));
    CHECK(m.go(0x3000, write_s));
    CHECK(m.write_tag(0x3000));
    m.mmu.invlpg(LinAddr(0x3000));
  });
}
