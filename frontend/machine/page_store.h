// Owns copies of pages of RAM, counted by those who hold them, in large pieces of the host's memory.
#pragma once

#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// One page at a time is dear: the host clears each that it gives. A piece is as large as one of its large
// pages, and is not given back before the end: what was let go is used again.
class PageStore {
 public:
  using Held = u32;
  static constexpr Held zeros = 0;  // a page of zeros, which takes no room

  PageStore() = default;
  ~PageStore();
  PageStore(const PageStore&) = delete;
  PageStore& operator=(const PageStore&) = delete;

  // A copy of `page_bytes` bytes, held once; `zeros` if they are all zero. Throws std::bad_alloc.
  Held keep(const u8* page);
  void hold(Held page);
  void let_go(Held page);  // as often as it was kept and held
  // nullptr: all are zero.
  const u8* bytes(Held page) const { return page == zeros ? nullptr : at(page); }
  u64 pages() const { return counts_.size() - free_.size(); }

 private:
  static constexpr u64 piece_pages = 512;
  u8* at(Held page) const {
    return pieces_[(page - 1) / piece_pages] + (page - 1) % piece_pages * page_bytes;
  }

  std::vector<u8*> pieces_;
  std::vector<u32> counts_;  // of page n + 1; 0: it is free
  std::vector<Held> free_;
};

}  // namespace ringside
