// Owns the tests of saving and restoring what a TLB holds: stale translations, which a guest that forgets an
// invalidation goes on to see.
#include <doctest/doctest.h>

#include <array>

#include "tests/mmu/kept_fields.h"
#include "tests/mmu/pages.h"

using namespace ringside;
using namespace ringside::test;

namespace {

// As the machine's own, for the same registers.
struct Restored {
  Mmu mmu;
  HostPhys at;
  Fault fault;

  explicit Restored(Pages& m) : mmu(m.memory, 40) {
    mmu.set_registers(m.regs);
    KeptFields fields;
    m.mmu.translations(fields);
    fields.give_back();
    mmu.translations(fields);
    CHECK(fields.all_given());
    KeptFields again, origin;
    mmu.translations(again);
    m.mmu.translations(origin);
    CHECK(again == origin);
  }
  bool go(u64 linear, Access access) { return mmu.translate(LinAddr(linear), access, at, fault); }
};

}  // namespace

TEST_CASE(
    "what was cached before a page table changed is cached in a restored TLB, for each kind of access") {
  Pages m;
  CHECK(m.go(0x5000, write_s));
  CHECK(m.go(0x6000, exec_s));
  CHECK(m.go(0x7000, read_s));
  for (const u64 page : {0x5000, 0x6000, 0x7000, 0x8000}) m.pte(page, 0x1f0000 | P | RW | US | A | D);
  Restored r(m);
  const u64 walks = r.mmu.statistics().walks;
  CHECK(r.go(0x5123, write_s));
  CHECK(r.at == HostPhys(0x105123));
  CHECK(r.mmu.data_view()->write[tlb_index(0x5000)].tag == 0x5000);
  CHECK(r.go(0x6010, exec_s));
  CHECK(r.at == HostPhys(0x106010));
  CHECK(r.go(0x7000, read_s));
  CHECK(r.at == HostPhys(0x107000));
  CHECK(r.mmu.statistics().walks == walks);
  CHECK(r.go(0x8000, read_s));
  CHECK(r.at == HostPhys(0x1f0000));
  r.mmu.invlpg(LinAddr(0x5000));
  CHECK(r.go(0x5000, write_s));
  CHECK(r.at == HostPhys(0x1f0000));
}

TEST_CASE("no walk of a restored TLB sets flags that no walk of the saved one would set") {
  Pages m;
  CHECK(m.go(0x5000, write_s));
  const u64 mapped = 0x105000 | P | RW | US;
  m.pte(0x5000, mapped);  // a guest that clears A and D, and forgets INVLPG
  Restored r(m);
  CHECK(r.go(0x5000, write_s));
  CHECK(m.get64(0x13000 + 5 * 8) == mapped);
}

TEST_CASE("fetches from pages that lost their slots are known, and global ones to every PCID") {
  Pages m;
  CHECK(m.go(0x5000, exec_s));
  CHECK(m.go(0x40005000, exec_s));
  CHECK(m.go(0x100000, exec_s));
  CHECK(m.go(0x500000, exec_s));
  m.pte(0x5000, 0x1f0000 | P | RW | US | A);
  Restored r(m);
  CHECK(r.go(0x5000, exec_s));
  CHECK(r.at == HostPhys(0x105000));
  r.mmu.load_cr3(m.regs.cr3 | 1, true);
  const u64 walks = r.mmu.statistics().walks;
  CHECK(r.go(0x100000, exec_s));
  CHECK(r.mmu.statistics().walks == walks);
  CHECK(r.go(0x5000, exec_s));
  CHECK(r.at == HostPhys(0x1f0000));
}

TEST_CASE("which page has a slot is no state: the same pages in another order are the same state") {
  const auto after = [](std::initializer_list<u64> pages) {
    Pages m;
    for (const u64 page : pages) CHECK(m.go(page, exec_s));
    KeptFields fields;
    m.mmu.translations(fields);
    return fields;
  };
  CHECK(after({0x5000, 0x40005000}) == after({0x40005000, 0x5000}));
  CHECK(after({0x5000, 0x40005000, 0x5000}) == after({0x5000, 0x40005000}));
  CHECK_FALSE(after({0x5000}) == after({0x40005000}));
}

TEST_CASE("what memory's marks, code and watchers take from the fast path is no state") {
  const auto after = [](auto act) {
    Pages m;
    m.touch(0x5000);
    act(m);
    CHECK(m.go(0x5000, read_s));
    CHECK(m.go(0x5000, write_s));
    KeptFields fields;
    m.mmu.translations(fields);
    return fields;
  };
  const KeptFields plain = after([](Pages&) {});
  CHECK(after([](Pages& m) { m.memory.add_mark(); }) == plain);
  CHECK(after([](Pages& m) {
          m.memory.mark_code(HostPhys(0x105000), 1);
          m.mmu.drop_write_tags(HostPhys(0x105000));
        }) == plain);
  CHECK(after([](Pages& m) {
          const LinAddr watched[] = {LinAddr(0x5010)};
          m.mmu.set_watched_pages(watched);
        }) == plain);
  CHECK(after([](Pages& m) {
          const HostPhys frames[] = {HostPhys(0x105010)};
          m.mmu.set_watched_frames(frames, {});
          m.mmu.set_watched_frames({}, {});
        }) == plain);
}
