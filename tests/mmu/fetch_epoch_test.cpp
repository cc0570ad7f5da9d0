// Owns the tests of the fetch epoch that contexts with global pages share.
#include <doctest/doctest.h>

#include "tests/mmu/pages.h"

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u64 global = 0x100000, other_global = 0x101000, private_page = 0x5000;

// PCIDs 0 and 1; only 0 has fetched from `global`.
struct Shared : Pages {
  u64 epoch = 0;
  Shared() {
    CHECK(go(global, exec_s));
    epoch = mmu.fetch_epoch();
    cr3(1, true);
    CHECK(mmu.fetch_epoch() == epoch);
  }
  bool changed_for_both() {
    const u64 now = mmu.fetch_epoch();
    cr3(0, true);
    CHECK(mmu.fetch_epoch() == now);
    return now != epoch;
  }
};

}  // namespace

TEST_CASE("PCIDs that have fetched from global pages only share the fetch epoch") {
  Shared m;
  CHECK(m.go(other_global, exec_s));
  CHECK(m.mmu.fetch_epoch() == m.epoch);
  m.cr3(1, false);
  CHECK(m.mmu.fetch_epoch() == m.epoch);
  CHECK(m.go(private_page, exec_s));
  const u64 own = m.mmu.fetch_epoch();
  CHECK(own != m.epoch);
  m.cr3(0, true);
  CHECK(m.mmu.fetch_epoch() == m.epoch);
  m.cr3(1, true);
  CHECK(m.mmu.fetch_epoch() == own);
  m.cr3(1, false);  // what was its own is gone
  CHECK(m.mmu.fetch_epoch() == m.epoch);
  CHECK(m.go(private_page, exec_s));
  CHECK(m.mmu.fetch_epoch() != own);
  CHECK(m.mmu.fetch_epoch() != m.epoch);
}

TEST_CASE("a VPID's global pages are its own") {
  Shared m;
  m.regs.cr3 |= 1;
  m.regs.vpid = 1;
  m.mmu.set_registers(m.regs);
  CHECK(m.mmu.fetch_epoch() != m.epoch);
}

TEST_CASE("an invalidation that meets a global page changes the epoch of all who may trust it") {
  const auto after = [](auto act) {
    Shared m;
    act(m);
    return m.changed_for_both();
  };
  CHECK_FALSE(after([](Shared&) {}));
  CHECK_FALSE(after([](Shared& m) { m.mmu.invlpg(LinAddr(0x40000000)); }));
  CHECK(after([](Shared& m) { m.mmu.invlpg(LinAddr(global)); }));
  CHECK_FALSE(after([](Shared& m) { m.mmu.invpcid(1, 0, LinAddr(0)); }));
  CHECK(after([](Shared& m) { m.mmu.invpcid(2, 0, LinAddr(0)); }));
  CHECK_FALSE(after([](Shared& m) { m.mmu.invpcid(3, 0, LinAddr(0)); }));
  CHECK(after([](Shared& m) { m.mmu.flush_vpid(0, 1, LinAddr(0)); }));
  // A page that lost its slot is still trusted.
  const auto evict = [](Shared& m) {
    m.cr3(0, true);
    CHECK(m.go(global + 0x400000, exec_s));
    CHECK_FALSE(m.fetch_tag(global));
    CHECK(m.mmu.fetch_epoch() == m.epoch);
    m.cr3(1, true);
  };
  CHECK_FALSE(after([&](Shared& m) { evict(m); }));
  CHECK(after([&](Shared& m) {
    evict(m);
    m.mmu.invlpg(LinAddr(global));
  }));
  // It is trusted by who is no longer among those who share.
  CHECK(after([](Shared& m) {
    m.cr3(0, true);
    CHECK(m.go(private_page, exec_s));
    m.cr3(1, true);
    m.mmu.invlpg(LinAddr(global));
    CHECK(m.mmu.fetch_epoch() != m.epoch);
    m.cr3(0, false);
    m.cr3(1, true);
  }));
  // Who has fetched it may go: it is known to the others.
  CHECK_FALSE(after([](Shared& m) {
    for (u64 pcid = 2; pcid <= Mmu::max_contexts + 2; ++pcid) m.cr3(pcid, true);
  }));
}
