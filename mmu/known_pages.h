// Owns the table of pages that a TLB context knows for one kind of data access, and which of them have fast
// tags.
#pragma once

#include <array>
#include <bit>

#include "mmu/slot_log.h"
#include "mmu/tlb.h"

namespace ringside {

// Of a page that gets an entry: it is global; it is a 4-KByte fragment of a large page.
struct PageTraits {
  bool global = false, fragment = false;
};

// Where a page's accesses go: on the bus, and before the second stage.
struct PagePlace {
  HostPhys host;
  GuestPhys guest;
};

// A bit for each slot of an array.
class SlotSet {
 public:
  bool has(unsigned slot) const { return words_[slot / 64] >> (slot % 64) & 1; }
  void put(unsigned slot, bool value) {
    words_[slot / 64] = (words_[slot / 64] & ~bit(slot % 64)) | u64{value} << (slot % 64);
  }
  void clear() { words_.fill(0); }
  // Calls `visit(slot)` for the members among `count` slots from `first`; both are multiples of 64.
  template <class Visit>
  void for_each(unsigned first, unsigned count, Visit visit) const {
    for (unsigned word = first / 64; word < (first + count) / 64; ++word) {
      for (u64 left = words_[word]; left != 0; left &= left - 1) {
        visit(word * 64 + static_cast<unsigned>(std::countr_zero(left)));
      }
    }
  }
  template <class Visit>
  void for_each_word(Visit visit) {
    for (u64& word : words_) visit(word);
  }

 private:
  std::array<u64, tlb_entries / 64> words_{};
};

// The pages of one kind of data access, one a slot. They are state: what a guest that forgets an invalidation
// goes on to see. The fast tags beside them are not: a page may lose its tag for reasons of the emulator's
// own (decoded code, a mark, somebody who watches), and gets it back without a walk.
class KnownDataPages {
 public:
  explicit KnownDataPages(TlbEntry* fast) : fast_(fast) { wipe(); }

  u64 page(unsigned slot) const { return known_[slot].page; }
  const PagePlace& place(unsigned slot) const { return known_[slot].place; }
  void put(unsigned slot, u64 page, const PagePlace& place) {
    known_[slot] = {page, place};
    fast_[slot].tag = TlbEntry::none;
  }
  void drop(unsigned slot) { known_[slot].page = fast_[slot].tag = TlbEntry::none; }
  void wipe() {
    for (unsigned slot = 0; slot < tlb_entries; ++slot) drop(slot);
  }
  void give_tag(unsigned slot, const u8* bytes) {
    const u64 page = known_[slot].page;
    fast_[slot] = {page, reinterpret_cast<u64>(bytes) - page};
  }
  TlbEntry& fast(unsigned slot) { return fast_[slot]; }

 private:
  struct alignas(32) Known {  // in one line of the host's cache
    u64 page;
    PagePlace place;
  };
  std::array<Known, tlb_entries> known_;
  TlbEntry* fast_;
};

// The same for instruction fetches, whose table the block cache reads.
class KnownFetchPages {
 public:
  KnownFetchPages() { wipe(); }
  u64 page(unsigned slot) const { return entries_[slot].tag; }
  HostPhys place(unsigned slot) const { return entries_[slot].page; }
  void put(unsigned slot, u64 page, HostPhys host) { entries_[slot] = {page, host}; }
  void drop(unsigned slot) { entries_[slot].tag = TlbEntry::none; }
  void wipe() {
    for (FetchEntry& entry : entries_) entry.tag = TlbEntry::none;
  }
  const FetchEntry* entries() const { return entries_.data(); }

 private:
  std::array<FetchEntry, tlb_entries> entries_;
};

// Either of the two with a log of the slots that were filled since the last flush, and of those that hold
// global pages or fragments.
template <class Known>
class PageTable : public Known {
 public:
  using Known::Known;

  bool has(u64 page) const { return this->page(tlb_index(page)) == page; }
  bool has_room(u64 page) const {
    const u64 old = this->page(tlb_index(page));
    return old == TlbEntry::none || old == page;
  }
  PageTraits traits(unsigned slot) const { return {global_.has(slot), fragments_.has(slot)}; }

  template <class Place>
  void fill(u64 page, const Place& place, PageTraits traits) {
    const unsigned slot = tlb_index(page);
    if (traits.global) {
      any_global_ = true;
    } else if (this->page(slot) == TlbEntry::none || global_.has(slot)) {
      log_.note(slot);  // else a slot that holds a non-global page, which is in the log already
    }
    global_.put(slot, traits.global);
    fragments_.put(slot, traits.fragment);
    this->put(slot, page, place);
  }

  // Each tells whether an entry was dropped.
  bool drop_page(u64 page, bool globals_only) {
    const unsigned slot = tlb_index(page);
    if (this->page(slot) != page || (globals_only && !global_.has(slot))) return false;
    this->drop(slot);
    return true;
  }
  // The fragments of the large page, or group of them, at `first`, that `wanted(slot)`.
  template <class Wanted>
  bool drop_fragments(u64 first, u64 bytes, Wanted wanted) {
    bool dropped = false;
    const u64 pages = bytes / page_bytes;
    const unsigned count = pages < tlb_entries ? static_cast<unsigned>(pages) : tlb_entries;
    fragments_.for_each(count == tlb_entries ? 0 : tlb_index(first), count, [&](unsigned slot) {
      const u64 page = this->page(slot);
      if (page == TlbEntry::none || page - first >= bytes || !wanted(slot)) return;
      this->drop(slot);
      dropped = true;
    });
    return dropped;
  }
  bool is_global(unsigned slot) const { return global_.has(slot); }
  // Calls `visit(slot)` for every slot with a page.
  template <class Visit>
  void for_each(Visit visit) const {
    const auto look = [&](unsigned slot) {
      if (this->page(slot) != TlbEntry::none) visit(slot);
    };
    if (log_.overflow()) {
      for (unsigned slot = 0; slot < tlb_entries; ++slot) look(slot);
      return;
    }
    for (const u16 slot : log_.slots()) {
      if (!global_.has(slot)) look(slot);
    }
    if (any_global_) global_.for_each(0, tlb_entries, look);
  }
  template <class Visit>
  void for_each_fragment(Visit visit) const {
    fragments_.for_each(0, tlb_entries, [&](unsigned slot) {
      if (this->page(slot) != TlbEntry::none) visit(slot);
    });
  }
  bool flush_non_global() {
    if (!any_global_) return flush();
    bool dropped = false;
    const auto look = [&](unsigned slot) {
      if (global_.has(slot)) return;
      dropped |= this->page(slot) != TlbEntry::none;
      this->drop(slot);
    };
    if (log_.overflow()) {
      for (unsigned slot = 0; slot < tlb_entries; ++slot) look(slot);
    } else {
      for (const u16 slot : log_.slots()) look(slot);
    }
    log_.clear();
    return dropped;
  }
  bool flush() {
    const bool dropped = !empty();
    if (log_.overflow()) {
      this->wipe();
      global_.clear();
      fragments_.clear();
    } else {
      for (const u16 slot : log_.slots()) this->drop(slot);
      if (any_global_) {
        global_.for_each(0, tlb_entries, [&](unsigned slot) { this->drop(slot); });
        global_.clear();
      }
    }
    any_global_ = false;
    log_.clear();
    return dropped;
  }
  bool empty() const { return log_.empty() && !any_global_; }

 private:
  bool any_global_ = false;
  SlotSet global_, fragments_;
  SlotLog<256> log_;
};

}  // namespace ringside
