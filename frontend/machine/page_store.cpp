// Owns the pieces of memory that copies of pages lie in.
#include "frontend/machine/page_store.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace ringside {

PageStore::~PageStore() {
  for (u8* const piece : pieces_) std::free(piece);
}

PageStore::Held PageStore::promise() {
  if (free_.empty()) {
    entries_.emplace_back();
    free_.push_back(static_cast<Held>(entries_.size()));
  }
  const Held held = free_.back();
  free_.pop_back();
  entries_[held - 1] = {1, none};
  return held;
}

void PageStore::keep(Held page, const u8* bytes) {
  if (free_slots_.empty()) {
    if (slots_ == pieces_.size() * piece_pages) {
      constexpr u64 size = piece_pages * page_bytes;
      void* const piece = std::aligned_alloc(size, size);
      if (piece == nullptr) throw std::bad_alloc();
      madvise(piece, size, MADV_HUGEPAGE);  // a host without them is only slower
      pieces_.push_back(static_cast<u8*>(piece));
    }
    free_slots_.push_back(static_cast<u32>(slots_++));
  }
  u32& slot = entries_[page - 1].slot;
  slot = free_slots_.back();
  free_slots_.pop_back();
  std::memcpy(at(slot), bytes, page_bytes);
}

void PageStore::hold(Held page) {
  if (page != zeros) ++entries_[page - 1].count;
}

void PageStore::let_go(Held page) {
  if (page == zeros) return;
  Entry& entry = entries_[page - 1];
  if (--entry.count != 0) return;
  if (entry.slot != none) free_slots_.push_back(entry.slot);
  entry.slot = none;
  free_.push_back(page);
}

}  // namespace ringside
