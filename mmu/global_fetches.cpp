// Owns what becomes of the global pages that contexts share: adding and dropping them.
#include "mmu/global_fetches.h"

#include <algorithm>

namespace ringside {

void GlobalFetches::Side::count(u64 size, int change) {
  for (std::size_t n = 0; n < large_sizes.size(); ++n) {
    if (large_sizes[n] != size) continue;
    fragments[n] += static_cast<unsigned>(change);
    any_fragments = true;
  }
}

void GlobalFetches::put(unsigned side, u64 page, HostPhys host, u64 page_size) {
  Side& s = sides_[side];
  any_ = true;
  if (s.pages.insert({page, {host, page_size}}).second) s.count(page_size, 1);
  s.slots.put(tlb_index(page), true);
}

bool GlobalFetches::drop_small_page(unsigned side, u64 page, u64& epochs) {
  Side& s = sides_[side];
  if (!s.slots.has(tlb_index(page))) return false;
  const auto found = s.pages.find(page);
  if (found == s.pages.end()) return false;
  s.count(found->second.size, -1);
  s.pages.erase(found);
  epoch_[side] = ++epochs;
  return true;
}

bool GlobalFetches::drop_page(unsigned side, u64 address, u64& epochs) {
  bool dropped = drop_small_page(side, address & ~u64{0xfff}, epochs);
  Side& s = sides_[side];
  for (std::size_t n = 0; n < large_sizes.size(); ++n) {
    const u64 size = large_sizes[n], first = address & ~(size - 1);
    if (s.fragments[n] == 0) continue;
    for (auto at = s.pages.lower_bound(first); at != s.pages.end() && at->first - first < size;) {
      if (at->second.size != size) {
        ++at;
        continue;
      }
      at = s.pages.erase(at);
      --s.fragments[n];
      dropped = true;
    }
  }
  if (dropped) epoch_[side] = ++epochs;
  return dropped;
}

bool GlobalFetches::clear(unsigned side, u64& epochs) {
  Side& s = sides_[side];
  if (s.pages.empty()) return false;
  s = {};
  any_ = !sides_[1 - side].pages.empty();
  epoch_[side] = ++epochs;
  return true;
}

void GlobalFetches::fields(Fields& visit) {
  for (unsigned side = 0; side < 2; ++side) {
    u64 count = sides_[side].pages.size();
    visit("global_fetches", count);
    if (visit.restoring()) {
      sides_[side] = {};
      for (u64 n = std::min<u64>(count, most); n > 0; --n) {
        u64 page = 0;
        Page known;
        visit("page", page);
        visit("host", known.host);
        visit("size", known.size);
        put(side, page & ~u64{0xfff}, known.host.page(), known.size);
      }
      continue;
    }
    for (auto& [at, known] : sides_[side].pages) {
      u64 page = at;
      visit("page", page);
      visit("host", known.host);
      visit("size", known.size);
    }
  }
}

}  // namespace ringside
