// Owns the global pages that instructions were fetched from, which all contexts of one VPID, second stage and
// paging mode know together: the manual's "Global Pages".
#pragma once

#include <array>
#include <map>

#include "cpu/arch/fields.h"
#include "cpu/arch/types.h"
#include "mmu/known_pages.h"

namespace ringside {

// Whoever has fetched from no other pages shares an epoch, so that a switch of PCIDs forgets nothing of the
// kernel's code. Sides are 0 for user mode, 1 for supervisor mode.
class GlobalFetches {
 public:
  static constexpr std::size_t most = 4096;  // pages of a side

  explicit GlobalFetches(u64& epochs) : epoch_{++epochs, ++epochs} {}

  u64 epoch(unsigned side) const { return epoch_[side]; }
  const HostPhys* find(unsigned side, u64 page) const {
    if (!sides_[side].slots.has(tlb_index(page))) return nullptr;
    const auto found = sides_[side].pages.find(page);
    return found == sides_[side].pages.end() ? nullptr : &found->second.host;
  }
  // There were some since all was cleared.
  bool any() const { return any_; }
  // The page of an address, or a fragment of the large page that it lies in; errs by telling too many.
  bool may_have(unsigned side, u64 address) const {
    return sides_[side].slots.has(tlb_index(address)) || sides_[side].any_fragments;
  }
  bool full(unsigned side) const { return sides_[side].pages.size() >= most; }
  void put(unsigned side, u64 page, HostPhys host, u64 page_size);

  // Each gives the side a new epoch if it dropped anything, and tells so.
  bool drop_small_page(unsigned side, u64 page, u64& epochs);
  bool drop_page(unsigned side, u64 address, u64& epochs);  // with the fragments of a large page
  bool clear(unsigned side, u64& epochs);

  void fields(Fields& visit);

 private:
  struct Page {
    HostPhys host;
    u64 size = page_bytes;  // of the page that it is a part of
  };
  // The sizes that large pages have: 2 and 4 MBytes, 1 GByte.
  static constexpr std::array<u64, 3> large_sizes = {bit(21), bit(22), bit(30)};
  struct Side {
    std::map<u64, Page> pages;
    std::array<unsigned, large_sizes.size()> fragments{};  // of large pages of each size
    bool any_fragments = false;                            // there were some since all was cleared
    SlotSet slots;  // tlb_index() of the pages, so that INVLPG of others need not search; some may be gone
    void count(u64 size, int change);
  };
  bool any_ = false;
  std::array<Side, 2> sides_;
  std::array<u64, 2> epoch_;
};

}  // namespace ringside
