// Owns the guest's page tables beyond those of the start.
#include "roms/tiny/memory.h"

#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"

extern "C" kit::u64 kit_pml4[512];

namespace tiny {
namespace {

constexpr u64 present_writable_user = 7;

// The table that an entry points to; made if there is none.
u64* table_below(u64& entry) {
  if (!entry) entry = allocate_page() | present_writable_user;
  return at<u64>(entry & ~(page_bytes - 1));
}

u64& entry_of(u64 linear) {
  u64* pdpt = table_below(kit_pml4[linear >> 39 & 511]);
  u64* directory = table_below(pdpt[linear >> 30 & 511]);
  return table_below(directory[linear >> 21 & 511])[linear >> 12 & 511];
}

}  // namespace

void map_user_page(u64 linear, u64 physical) { entry_of(linear) = physical | present_writable_user; }

void unmap_user_page(u64 linear) {
  entry_of(linear) = 0;
  invlpg(linear);
}

}  // namespace tiny
