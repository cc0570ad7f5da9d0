// Owns the machine of the TLB tests: small, global and large pages under PCIDs, and their tags.
#pragma once

#include <doctest/doctest.h>

#include "tests/mmu/machine.h"

namespace ringside::test {

// 4-level paging with PCIDs and globals; pages 1..: user, writable; pages 0x100..: global.
struct Pages : Machine {
  explicit Pages(u64 cr4 = Cr4::PGE | Cr4::PCIDE) : Machine(40, 64 << 20) {
    long_mode(cr4);
    for (u64 i = 1; i < 0x100; ++i) pte(i << 12, (0x100000 + (i << 12)) | P | RW | US);
    for (u64 i = 0x100; i < 0x200; ++i) pte(i << 12, (0x100000 + (i << 12)) | P | RW | US | G);
    put64(0x12008, 0x400000 | P | RW | US | PS);      // 2 MiB at 2 MiB
    put64(0x12010, 0x600000 | P | RW | US | PS | G);  // 2 MiB at 4 MiB, global
    put64(0x11008, 0 | P | RW | US | PS);             // 1 GiB at 1 GiB
    mmu.set_privilege(false, false, false);
  }
  void touch(u64 linear) {
    CHECK(go(linear, write_s));
    CHECK(go(linear, read_s));
    CHECK(go(linear, exec_s));
    CHECK(all(linear));
  }
  bool all(u64 linear) const { return read_tag(linear) && write_tag(linear) && fetch_tag(linear); }
  bool none(u64 linear) const { return !read_tag(linear) && !write_tag(linear) && !fetch_tag(linear); }
  void cr3(u64 pcid, bool keep) { mmu.load_cr3(0x10000 | pcid, keep); }
};

}  // namespace ringside::test
