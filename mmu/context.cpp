// Owns dropping entries from a TLB context: by page, by large page, non-global ones, all.
#include "mmu/context.h"

namespace ringside {

namespace {

constexpr unsigned large_bits = 1024;
constexpr unsigned large_slot(u64 address) { return (address >> 21) % large_bits; }
constexpr unsigned huge_slot(u64 address) { return (address >> 30) % 64; }

}  // namespace

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

void Mmu::Context::fill_fetch(FetchSide& side, u64 page, HostPhys physical, bool global) {
  if (!side.tags.fill(page, FetchEntry{page, physical}, global)) return;
  const unsigned slot = tlb_index(page);
  side.evicted[slot / 64] |= bit(slot % 64);
  side.any_evicted = true;
}

void Mmu::Context::note_large(u64 address, u64 page_size) {
  if (page_size == bit(30)) {
    huge |= bit(huge_slot(address));
    return;
  }
  // A 4-MByte page is two of the regions.
  for (u64 at = address & ~(page_size - 1), end = at + page_size; at != end; at += bit(21)) {
    large[large_slot(at) / 64] |= bit(large_slot(at) % 64);
  }
}

void Mmu::Context::new_epoch(FetchSide& side, u64& epochs) {
  side.epoch = ++epochs;
  if (!side.any_evicted) return;
  side.evicted.fill(0);
  side.any_evicted = false;
}

void Mmu::Context::drop_small_page(u64 page, bool globals_only, u64& epochs) {
  for (auto& side : data) {
    if (!side) continue;
    side->read.drop(page, globals_only);
    side->write.drop(page, globals_only);
  }
  for (FetchSide& side : fetch) {
    const unsigned slot = tlb_index(page);
    // A page that was evicted may still be known to whoever trusts the epoch.
    const bool evicted = side.evicted[slot / 64] >> (slot % 64) & 1;
    if (side.tags.drop(page, globals_only) || evicted) new_epoch(side, epochs);
  }
}

void Mmu::Context::drop_page(u64 address, bool globals_only, u64& epochs) {
  if (huge >> huge_slot(address) & 1) {
    drop_region(address & ~(bit(30) - 1), bit(30), globals_only, epochs);
  } else if (large[large_slot(address) / 64] >> (large_slot(address) % 64) & 1) {
    const u64 size = key.mode.thirty_two_bit() ? bit(22) : bit(21);
    drop_region(address & ~(size - 1), size, globals_only, epochs);
  } else {
    drop_small_page(address & ~u64{0xfff}, globals_only, epochs);
  }
}

void Mmu::Context::drop_region(u64 first, u64 bytes, bool globals_only, u64& epochs) {
  const auto inside = [=](const auto& entry, bool global) {
    return entry.tag - first < bytes && (global || !globals_only);
  };
  for (auto& side : data) {
    if (!side) continue;
    side->read.drop_if(inside);
    side->write.drop_if(inside);
  }
  for (FetchSide& side : fetch) {
    if (side.tags.drop_if(inside) || side.any_evicted) new_epoch(side, epochs);
  }
}

void Mmu::Context::flush_non_global(u64& epochs) {
  for (auto& side : data) {
    if (!side) continue;
    side->read.flush_non_global();
    side->write.flush_non_global();
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
  }
  for (FetchSide& side : fetch) {
    if (side.tags.flush() || side.any_evicted) new_epoch(side, epochs);
  }
  large.fill(0);
  huge = 0;
  user_keys = supervisor_keys = 0;
}

void Mmu::Context::drop_data_page(u64 page) {
  for (auto& side : data) {
    if (!side) continue;
    side->read.drop(page, false);
    side->write.drop(page, false);
  }
}

bool Mmu::Context::any_global() const {
  for (const auto& side : data) {
    if (side && (side->read.any_global() || side->write.any_global())) return true;
  }
  return fetch[0].tags.any_global() || fetch[1].tags.any_global();
}

}  // namespace ringside
