// Owns the building and the walking of EPT's tables.
#include "roms/kit/ept.h"

#include "roms/kit/pages.h"

namespace kit {

void Ept::create() { root_ = allocate_page(); }

// The entry of that level (0: a page, 1: 2 MBytes) for the address; the tables above it are made as needed. A
// large page in the way is split.
u64* Ept::entry(u64 guest, unsigned level) {
  u64 table = root_;
  for (unsigned n = 3; n > level; --n) {
    u64& next = at<u64>(table)[guest >> shift(n) & 511];
    if (next & large) {
      const u64 pieces = allocate_page();
      for (u64 k = 0; k < 512; ++k)
        at<u64>(pieces)[k] = (next & ~large) + (k << shift(n - 1)) + (n > 1 ? large : 0);
      next = pieces | EptRights::all;
    }
    // Rights of all levels are combined, so that those above the last one forbid nothing.
    if (!(next & EptRights::all)) next = allocate_page() | EptRights::all;
    table = next & address_mask;
  }
  return at<u64>(table) + (guest >> shift(level) & 511);
}

void Ept::map_page(u64 guest, u64 host, u64 rights) {
  *entry(guest, 0) = rights ? host | write_back | rights : 0;
}

void Ept::map_large_page(u64 guest, u64 host, u64 rights) {
  *entry(guest, 1) = rights ? host | large | write_back | rights : 0;
}

u64 Ept::host_address(u64 guest, u64 rights) const {
  if (guest >> 48) return 0;
  u64 table = root_;
  for (unsigned n = 3;; --n) {
    const u64 value = at<u64>(table)[guest >> shift(n) & 511];
    if ((value & rights) != rights || !(value & EptRights::all)) return 0;
    const u64 inside = (1ul << shift(n)) - 1;
    if (n == 0 || value & large) return (value & address_mask & ~inside) | (guest & inside);
    table = value & address_mask;
  }
}

void Ept::free_tables(u64 table, unsigned level) {
  for (u64 n = 0; level > 0 && n < 512; ++n) {
    const u64 value = at<u64>(table)[n];
    if (value & EptRights::all && !(value & large)) free_tables(value & address_mask, level - 1);
  }
  free_page(table);
}

void Ept::destroy() {
  free_tables(root_, 3);
  root_ = 0;
}

}  // namespace kit
