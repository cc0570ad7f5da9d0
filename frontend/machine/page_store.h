// Owns copies of pages of RAM, counted by those who hold them, in large pieces of the host's memory.
#pragma once

#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// A page is promised first, as long as RAM itself has it, and kept when somebody is about to write there:
// most pages of a guest are written once, and never copied.
//
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

  // A page that is not here yet, held once.
  Held promise();
  bool promised(Held page) const { return page != zeros && entries_[page - 1].slot == none; }
  // It is copied here: `page_bytes` bytes. Throws std::bad_alloc.
  void keep(Held page, const u8* bytes);
  void hold(Held page);
  void let_go(Held page);  // as often as it was promised and held
  // nullptr: all are zero. The page is not promised.
  const u8* bytes(Held page) const { return page == zeros ? nullptr : at(entries_[page - 1].slot); }
  u64 pages() const { return slots_ - free_slots_.size(); }  // that are kept

 private:
  static constexpr u64 piece_pages = 512;
  static constexpr u32 none = ~u32{0};
  struct Entry {
    u32 count = 0;  // of those who hold it; 0: it is free
    u32 slot = none;
  };
  u8* at(u32 slot) const { return pieces_[slot / piece_pages] + slot % piece_pages * page_bytes; }

  std::vector<u8*> pieces_;
  u64 slots_ = 0;               // of the pieces that were ever used
  std::vector<Entry> entries_;  // of page n + 1
  std::vector<Held> free_;      // entries
  std::vector<u32> free_slots_;
};

}  // namespace ringside
