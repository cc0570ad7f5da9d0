// Owns dropping entries from a TLB context: by page, by large page, non-global ones, all; and the pages that
// instructions are fetched from.
#include "mmu/context.h"

namespace ringside {

void Mmu::Context::FetchSide::insert(u64 page, HostPhys host, PageTraits traits) {
  const unsigned slot = tlb_index(page);
  const u64 old = table.page(slot);
  if (old != TlbEntry::none && old != page && !table.is_global(slot)) {
    evicted[old] = {table.place(slot), table.traits(slot).fragment};
    gave_way.put(slot, true);
  }
  table.fill(page, host, traits);
}

bool Mmu::Context::FetchSide::drop_own(u64 page) {
  const unsigned slot = tlb_index(page);
  const bool there = table.page(slot) == page && !table.is_global(slot);
  if (there) table.drop(slot);
  if (!there && (!gave_way.has(slot) || evicted.erase(page) == 0)) return false;
  --known;
  return true;
}

bool Mmu::Context::FetchSide::drop_own_fragments(u64 first, u64 bytes) {
  bool dropped = table.drop_fragments(first, bytes, [&](unsigned slot) {
    if (table.is_global(slot)) return false;
    --known;
    return true;
  });
  for (auto at = evicted.lower_bound(first); at != evicted.end() && at->first - first < bytes;) {
    if (!at->second.fragment) {
      ++at;
      continue;
    }
    at = evicted.erase(at);
    --known;
    dropped = true;
  }
  return dropped;
}

bool Mmu::Context::FetchSide::drop_all_own() {
  const bool any = known != 0;
  table.flush_non_global();
  if (!evicted.empty()) {
    evicted.clear();
    gave_way.clear();
  }
  known = 0;
  all_global = true;  // which does away with the private epoch
  return any;
}

void Mmu::Context::FetchSide::drop_copies(u64 first, u64 bytes) {
  table.for_each([&](unsigned slot) {
    if (table.is_global(slot) && table.page(slot) - first < bytes) table.drop(slot);
  });
}

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

void Mmu::Context::share_globals(std::span<const std::unique_ptr<Context>> others, u64& epochs) {
  globals = nullptr;
  for (const auto& other : others) {
    ContextKey same_but_pcid = other->key;
    same_but_pcid.pcid = key.pcid;
    if (other.get() != this && other->globals && same_but_pcid == key) globals = other->globals;
  }
  if (!globals) globals = std::make_shared<GlobalFetches>(epochs);
}

bool Mmu::Context::find_fetch(bool is_user, u64 page, HostPhys& host) {
  FetchSide& side = fetch[is_user ? 0 : 1];
  if (side.table.has(page)) {
    host = side.table.place(tlb_index(page));
    return true;
  }
  const bool gave_way = side.gave_way.has(tlb_index(page));
  if (const auto found = gave_way ? side.evicted.find(page) : side.evicted.end();
      found != side.evicted.end()) {
    const FetchSide::Evicted known = found->second;
    side.evicted.erase(found);
    side.insert(page, known.host, {false, known.fragment});
    host = known.host;
    return true;
  }
  const HostPhys* const global = globals->find(is_user ? 0 : 1, page);
  if (global == nullptr) return false;
  host = *global;
  side.insert(page, host, {true, false});
  walked = true;
  return true;
}

void Mmu::Context::fill_fetch(bool is_user, u64 page, HostPhys host, PageTraits traits, u64& epochs) {
  FetchSide& side = fetch[is_user ? 0 : 1];
  if (!traits.global) {
    if (side.known == FetchSide::most) side.drop_all_own();
    ++side.known;
    if (side.all_global) {
      side.all_global = false;
      side.private_epoch = ++epochs;
    }
  }
  side.insert(page, host, traits);
}

void Mmu::Context::note_large(u64 address, u64 page_size) {
  if (page_size == bit(30)) {
    huge.add(address);
    return;
  }
  // A 4-MByte page is two of the regions.
  for (u64 at = address & ~(page_size - 1), end = at + page_size; at != end; at += bit(21)) large.add(at);
}

void Mmu::Context::drop_small_page(u64 page, bool globals_only, u64& epochs) {
  for (auto& side : data) {
    if (!side) continue;
    side->read.drop_page(page, globals_only);
    if (side->write.drop_page(page, globals_only)) side->drop_beside(page);
  }
  for (FetchSide& side : fetch) {
    if (!globals_only && side.may_own(page) && side.drop_own(page)) side.private_epoch = ++epochs;
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
    const auto wanted_of = [=](auto& table) {
      return [&table, globals_only](unsigned slot) { return !globals_only || table.is_global(slot); };
    };
    dropped |= side->read.drop_fragments(first, bytes, wanted_of(side->read));
    dropped |= side->write.drop_fragments(first, bytes, wanted_of(side->write));
    side->clear_beside();
  }
  for (FetchSide& side : fetch) {
    if (globals_only || !side.drop_own_fragments(first, bytes)) continue;
    side.private_epoch = ++epochs;
    dropped = true;
  }
  return dropped;
}

void Mmu::Context::drop_fetch_copies(unsigned side, u64 first, u64 bytes, u64& epochs) {
  fetch[side].drop_copies(first, bytes);
  fetch[side].private_epoch = ++epochs;
}

// The sets of regions only grow, and two regions may share a place in them.
void Mmu::Context::recount_regions() {
  fruitless = 0;
  // A fragment does not tell whether its page is one of 2 MBytes or of 1 GByte: it counts again in each of
  // the sets that may have had it.
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
    side->read.for_each_fragment([&](unsigned slot) { keep(side->read.page(slot)); });
    side->write.for_each_fragment([&](unsigned slot) { keep(side->write.page(slot)); });
  }
  for (FetchSide& side : fetch) {
    side.table.for_each_fragment([&](unsigned slot) {
      if (!side.table.is_global(slot)) keep(side.table.page(slot));
    });
    for (const auto& [page, known] : side.evicted) {
      if (known.fragment) keep(page);
    }
  }
}

void Mmu::Context::flush_non_global() {
  for (auto& side : data) {
    if (!side) continue;
    side->read.flush_non_global();
    side->write.flush_non_global();
    side->clear_beside();
  }
  for (FetchSide& side : fetch) side.drop_all_own();
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
    side.drop_all_own();
    side.table.flush();
    side.private_epoch = ++epochs;
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

void Mmu::DataSide::drop_fast(u64 page) {
  const unsigned slot = tlb_index(page);
  if (read.page(slot) == page) read.fast(slot).tag = TlbEntry::none;
  if (write.page(slot) == page) write.fast(slot).tag = TlbEntry::none;
  drop_beside(page);
}

void Mmu::Context::drop_fast(u64 page) {
  for (auto& side : data) {
    if (side) side->drop_fast(page);
  }
}

}  // namespace ringside
