// Owns dropping entries from a TLB context: by page, by large page, non-global ones, all.
#include "mmu/context.h"

namespace ringside {

Mmu::Context::Context(const ContextKey& k) {
  data[user] = std::make_unique<DataSide>();
  data[supervisor] = std::make_unique<DataSide>();
  adopt(k);
}

void Mmu::Context::adopt(const ContextKey& k) {
  key = k;
  if (!k.mode.on(Cr4::SMAP)) {
    data[supervisor_ac].reset();
  } else if (!data[supervisor_ac]) {
    data[supervisor_ac] = std::make_unique<DataSide>();
  }
}

void Mmu::Context::fill_fetch(FetchSide& side, u64 page, HostPhys physical, PageTraits traits) {
  if (!side.tags.fill(page, FetchEntry{page, physical}, traits)) return;
  side.evicted.put(tlb_index(page), true);
  side.any_evicted = true;
}

void Mmu::Context::note_large(u64 address, u64 page_size) {
  if (page_size == bit(30)) {
    huge.add(address);
    return;
  }
  // A 4-MByte page is two of the regions.
  for (u64 at = address & ~(page_size - 1), end = at + page_size; at != end; at += bit(21)) large.add(at);
}

void Mmu::Context::new_epoch(FetchSide& side, u64& epochs) {
  side.epoch = ++epochs;
  if (!side.any_evicted) return;
  side.evicted.clear();
  side.any_evicted = false;
}

void Mmu::Context::drop_small_page(u64 page, bool globals_only, u64& epochs) {
  for (auto& side : data) {
    if (!side) continue;
    side->read.drop(page, globals_only);
    side->write.drop(page, globals_only);
    side->drop_beside(page);
  }
  for (FetchSide& side : fetch) {
    const unsigned slot = tlb_index(page);
    // A page that was evicted may still be known to whoever trusts the epoch.
    if (side.tags.drop(page, globals_only) || side.evicted.has(slot)) new_epoch(side, epochs);
  }
}

void Mmu::Context::drop_page(u64 address, bool globals_only, u64& epochs) {
  drop_small_page(address & ~u64{0xfff}, globals_only, epochs);
  const bool in_huge = huge.may_have(address);
  if (!in_huge && !large.may_have(address)) return;
  const u64 size = in_huge ? bit(30) : key.mode.thirty_two_bit() ? bit(22) : bit(21);
  if (drop_fragments(address & ~(size - 1), size, globals_only, epochs)) return;
  if (++fruitless == 64) recount_regions();
}

bool Mmu::Context::drop_fragments(u64 first, u64 bytes, bool globals_only, u64& epochs) {
  bool dropped = false;
  for (auto& side : data) {
    if (!side) continue;
    dropped |= side->read.drop_fragments(first, bytes, globals_only);
    dropped |= side->write.drop_fragments(first, bytes, globals_only);
    side->clear_beside();
  }
  for (FetchSide& side : fetch) {
    const bool dropped_here = side.tags.drop_fragments(first, bytes, globals_only);
    if (dropped_here || side.any_evicted) new_epoch(side, epochs);
    dropped |= dropped_here;
  }
  return dropped;
}

// The sets of regions only grow, and two regions may share a place in them.
void Mmu::Context::recount_regions() {
  fruitless = 0;
  // A set that stands for 1-GByte pages cannot be told from one for smaller ones by the tags: each stays what
  // it was.
  const RegionSet<512> old_large = large;
  const RegionSet<64> old_huge = huge;
  large.clear();
  huge.clear();
  const auto keep = [&](u64 page) {
    if (old_huge.may_have(page)) huge.add(page);
    if (old_large.may_have(page)) note_large(page, key.mode.thirty_two_bit() ? bit(22) : bit(21));
  };
  for (auto& side : data) {
    if (!side) continue;
    side->read.for_each_fragment(keep);
    side->write.for_each_fragment(keep);
  }
  // Evicted fetches are not counted: the search that led here has given their side a new epoch.
  for (FetchSide& side : fetch) side.tags.for_each_fragment(keep);
}

void Mmu::Context::flush_non_global(u64& epochs) {
  for (auto& side : data) {
    if (!side) continue;
    side->read.flush_non_global();
    side->write.flush_non_global();
    side->clear_beside();
  }
  for (FetchSide& side : fetch) {
    if (side.tags.flush_non_global() || side.any_evicted) new_epoch(side, epochs);
  }
}

void Mmu::Context::flush(u64& epochs) {
  for (auto& side : data) {
    if (!side) continue;
    side->read.flush();
    side->write.flush();
    side->clear_beside();
  }
  for (FetchSide& side : fetch) {
    if (side.tags.flush() || side.any_evicted) new_epoch(side, epochs);
  }
  global_slots.clear();
  large.clear();
  huge.clear();
  fruitless = 0;
  structure_pages.clear();
  upper_levels.clear();
  user_keys = supervisor_keys = 0;
}

void Mmu::Context::drop_data_page(u64 page) {
  for (auto& side : data) {
    if (!side) continue;
    side->read.drop(page, false);
    side->write.drop(page, false);
    side->drop_beside(page);
  }
}

}  // namespace ringside
