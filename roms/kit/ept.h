// Owns EPT, the guest's physical memory: a tree of four levels as the CPU walks it. The manual's "EPT
// Translation Mechanism".
#pragma once

#include "roms/kit/types.h"

namespace kit {

struct EptRights {
  static constexpr u64 none = 0, read = 1, write = 2, execute = 4, all = 7;
};

class Ept {
 public:
  // Takes the page of its root.
  void create();

  // The field EPT_POINTER: write-back memory (6 in bits 2:0), a walk of four levels (3 in bits 5:3), and the
  // root.
  u64 pointer() const { return root_ | 3 << 3 | 6; }

  // Lets the guest see the page at physical address `host` at `guest`; both are page-aligned. What was there
  // before is replaced. Whoever takes rights away has to invalidate afterwards (INVEPT): CPUs may remember
  // the old entry. An entry that was not present is not remembered, so filling a hole needs none.
  void map_page(u64 guest, u64 host, u64 rights);
  void map_large_page(u64 guest, u64 host, u64 rights);
  void unmap_page(u64 guest) { map_page(guest, 0, EptRights::none); }

  // The host's address of a guest-physical one, if all of `rights` are there; else 0 (where nobody's guest
  // memory lies).
  u64 host_address(u64 guest, u64 rights = EptRights::read) const;

  // Calls visit(guest, host, bytes, rights) for each mapping, in order.
  template <class Visit>
  void each(Visit visit) const {
    walk(root_, 3, 0, visit);
  }

  // Gives the tables back, not the memory they map.
  void destroy();

 private:
  static constexpr u64 address_mask = 0x000ffffffffff000;
  static constexpr u64 large = 1 << 7;
  static constexpr u64 write_back = 6 << 3;  // the memory type of what a leaf maps
  static constexpr unsigned shift(unsigned level) { return 12 + 9 * level; }

  u64* entry(u64 guest, unsigned level);
  void free_tables(u64 table, unsigned level);

  template <class Visit>
  static void walk(u64 table, unsigned level, u64 guest, Visit visit) {
    for (u64 n = 0; n < 512; ++n) {
      const u64 value = at<u64>(table)[n], here = guest | n << shift(level);
      if (!(value & EptRights::all)) continue;
      if (level == 0 || value & large)
        visit(here, value & address_mask, 1ul << shift(level), value & EptRights::all);
      else
        walk(value & address_mask, level - 1, here, visit);
    }
  }

  u64 root_ = 0;
};

}  // namespace kit
