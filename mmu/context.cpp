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
  upper_levels.clear();
  if (!k.mode.on(Cr4::SMAP)) {
    data[supervisor_ac].reset();
  } else if (!data[supervisor_ac]) {
    data[supervisor_ac] = std::make_unique<DataSide>();
  }
}

void Mmu::Context::share_epochs(std::span<const std::unique_ptr<Context>> others, u64& epochs) {
  shared_epochs = nullptr;
  for (const auto& other : others) {
    ContextKey same_but_pcid = other->key;
    same_but_pcid.pcid = key.pcid;
    if (other.get() != this && same_but_pcid == key) shared_epochs = other->shared_epochs;
  }
  if (!shared_epochs) shared_epochs = std::make_shared<SharedEpochs>(SharedEpochs{{++epochs, ++epochs}});
}

void Mmu::Context::fill_fetch(FetchSide& side, u64 page, HostPhys physical, PageTraits traits, u64& epochs) {
  if (!traits.global && side.all_global) {
    side.all_global = false;
    side.private_epoch = ++epochs;
  }
  const u64 old = side.entries[tlb_index(page)].tag;
  if (!side.tags.fill(page, FetchEntry{page, physical}, traits)) return;
  side.evicted.add(old);
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

// Others may go by what this context fetched while it shared their epoch.
void Mmu::Context::new_epoch(FetchSide& side, u64& epochs) {
  shared_epochs->value[&side == &fetch[0] ? 0 : 1] = ++epochs;
  side.private_epoch = ++epochs;
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
    // A page that was evicted may still be known to whoever trusts the epoch.
    if (side.tags.drop(page, globals_only) || side.evicted.may_have(page)) new_epoch(side, epochs);
  }
}

void Mmu::Context::drop_page(u64 address, bool globals_only, u64& epochs) {
  drop_small_page(address & ~u64{0xfff}, globals_only, epochs);
  const bool in_huge = huge.may_have(address);
  if (!in_huge && !large.may_have(address)) return;
  const u64 size = in_huge ? bit(30) : key.mode.thirty_two_bit() ? bit(22) : bit(21);
  if (drop_fragments(address & ~(size - 1), size, globals_only, epochs)) return;
  if (++fruitless == 64) recount_regions(epochs);
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
    bool evicted = false;
    for (u64 at = 0; side.any_evicted && !evicted && at < bytes; at += bit(21))
      evicted = side.evicted.may_have(first + at);
    if (dropped_here || evicted) new_epoch(side, epochs);
    dropped |= dropped_here;
  }
  return dropped;
}

// The sets of regions only grow, and two regions may share a place in them.
void Mmu::Context::recount_regions(u64& epochs) {
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
  for (FetchSide& side : fetch) {
    side.tags.for_each_fragment(keep);
    if (side.any_evicted) new_epoch(side, epochs);  // those are not counted
  }
}

void Mmu::Context::flush_non_global() {
  for (auto& side : data) {
    if (!side) continue;
    side->read.flush_non_global();
    side->write.flush_non_global();
    side->clear_beside();
  }
  for (FetchSide& side : fetch) {
    side.tags.flush_non_global();
    side.all_global = true;  // which does away with the private epoch
  }
}

void Mmu::Context::flush(u64& epochs) {
  if (!walked) return;
  walked = false;
  for (auto& side : data) {
    if (!side) continue;
    side->read.flush();
    side->write.flush();
    side->clear_beside();
  }
  for (FetchSide& side : fetch) {
    if (side.tags.flush() || side.any_evicted) new_epoch(side, epochs);
    side.all_global = true;
  }
  global_slots.clear();
  large.clear();
  huge.clear();
  fruitless = 0;
  if (key.stage != 0) {
    structure_pages.clear();
    upper_levels.clear();
  }
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

void Mmu::Context::drop_data_frame(u64 host) {
  const auto leads_there = [=](const TlbEntry& entry) { return entry.tag + entry.addend == host; };
  for (auto& side : data) {
    if (!side) continue;
    side->read.drop_if(leads_there);
    side->write.drop_if(leads_there);
    side->clear_beside();
  }
}

void Mmu::Context::drop_all_data() {
  for (auto& side : data) {
    if (!side) continue;
    side->read.flush();
    side->write.flush();
    side->clear_beside();
  }
}

}  // namespace ringside
