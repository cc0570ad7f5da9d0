// Owns the pieces of memory that copies of pages lie in.
#include "frontend/machine/page_store.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "frontend/machine/zero_page.h"

namespace ringside {

PageStore::~PageStore() {
  for (u8* const piece : pieces_) std::free(piece);
}

PageStore::Held PageStore::keep(const u8* page) {
  if (all_zero(page)) return zeros;
  if (free_.empty()) {
    if (counts_.size() == pieces_.size() * piece_pages) {
      constexpr u64 bytes = piece_pages * page_bytes;
      void* const piece = std::aligned_alloc(bytes, bytes);
      if (piece == nullptr) throw std::bad_alloc();
      madvise(piece, bytes, MADV_HUGEPAGE);  // a host without them is only slower
      pieces_.push_back(static_cast<u8*>(piece));
    }
    counts_.push_back(0);
    free_.push_back(static_cast<Held>(counts_.size()));
  }
  const Held held = free_.back();
  free_.pop_back();
  counts_[held - 1] = 1;
  std::memcpy(at(held), page, page_bytes);
  return held;
}

void PageStore::hold(Held page) {
  if (page != zeros) ++counts_[page - 1];
}

void PageStore::let_go(Held page) {
  if (page != zeros && --counts_[page - 1] == 0) free_.push_back(page);
}

}  // namespace ringside
