// Owns a TLB context: the soft TLB arrays of one (VPID, PCID, second stage, paging mode) and what it takes to
// drop entries from them cheaply.
#pragma once

#include <array>
#include <bit>
#include <memory>

#include "mmu/mmu.h"
#include "mmu/slot_log.h"
#include "mmu/upper_levels.h"

namespace ringside {

// Of a page that gets an entry: it is global; it is a 4-KByte fragment of a large page.
struct PageTraits {
  bool global = false, fragment = false;
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

 private:
  std::array<u64, tlb_entries / 64> words_{};
};

// Log of one array of tlb_entries tags: which slots were filled since the last flush, and which hold global
// pages or fragments. Entry is TlbEntry or FetchEntry.
template <class Entry>
class TagArray {
 public:
  void attach(Entry* entries) {
    entries_ = entries;
    wipe();
  }

  bool holds(u64 page) const { return entries_[tlb_index(page)].tag == page; }
  bool has_room(u64 page) const {
    const u64 tag = entries_[tlb_index(page)].tag;
    return tag == TlbEntry::none || tag == page;
  }

  // True: another page's entry had to go.
  bool fill(u64 page, const Entry& entry, PageTraits traits) {
    const unsigned slot = tlb_index(page);
    const u64 old = entries_[slot].tag;
    if (traits.global) {
      any_global_ = true;
    } else if (old == TlbEntry::none || global_.has(slot)) {
      log_.note(slot);  // else a slot that holds a non-global page, which is in the log already
    }
    global_.put(slot, traits.global);
    fragments_.put(slot, traits.fragment);
    entries_[slot] = entry;
    return old != TlbEntry::none && old != page;
  }

  // Each tells whether an entry was dropped.
  bool drop(u64 page, bool globals_only) {
    const unsigned slot = tlb_index(page);
    if (entries_[slot].tag != page || (globals_only && !global_.has(slot))) return false;
    entries_[slot].tag = TlbEntry::none;
    return true;
  }
  // The fragments of the large page, or group of them, at `first`.
  bool drop_fragments(u64 first, u64 bytes, bool globals_only) {
    bool dropped = false;
    const u64 pages = bytes / page_bytes;
    const unsigned count = pages < tlb_entries ? static_cast<unsigned>(pages) : tlb_entries;
    fragments_.for_each(count == tlb_entries ? 0 : tlb_index(first), count, [&](unsigned slot) {
      if (entries_[slot].tag - first >= bytes || (globals_only && !global_.has(slot))) return;
      entries_[slot].tag = TlbEntry::none;
      dropped = true;
    });
    return dropped;
  }
  template <class Condition>
  void drop_if(Condition condition) {
    const auto look = [&](unsigned slot) {
      if (entries_[slot].tag != TlbEntry::none && condition(entries_[slot]))
        entries_[slot].tag = TlbEntry::none;
    };
    if (log_.overflow()) {
      for (unsigned slot = 0; slot < tlb_entries; ++slot) look(slot);
      return;
    }
    for (const u16 slot : log_.slots()) look(slot);
    if (any_global_) global_.for_each(0, tlb_entries, look);
  }
  template <class Visit>
  void for_each_fragment(Visit visit) const {
    fragments_.for_each(0, tlb_entries, [&](unsigned slot) {
      if (entries_[slot].tag != TlbEntry::none) visit(entries_[slot].tag);
    });
  }
  bool flush_non_global() {
    if (!any_global_) return flush();
    bool dropped = false;
    const auto look = [&](unsigned slot) {
      if (global_.has(slot)) return;
      dropped |= entries_[slot].tag != TlbEntry::none;
      entries_[slot].tag = TlbEntry::none;
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
    if (log_.overflow()) {
      wipe();
      return true;
    }
    const bool dropped = !empty();
    for (const u16 slot : log_.slots()) entries_[slot].tag = TlbEntry::none;
    log_.clear();
    if (any_global_) {
      global_.for_each(0, tlb_entries, [&](unsigned slot) { entries_[slot].tag = TlbEntry::none; });
      global_.clear();
      any_global_ = false;
    }
    return dropped;
  }
  bool empty() const { return log_.empty() && !any_global_; }

 private:
  void wipe() {
    for (unsigned i = 0; i < tlb_entries; ++i) entries_[i].tag = TlbEntry::none;
    global_.clear();
    fragments_.clear();
    any_global_ = false;
    log_.clear();
  }

  Entry* entries_ = nullptr;
  bool any_global_ = false;
  SlotSet global_, fragments_;
  SlotLog<256> log_;
};

// Which translations a cache entry belongs to.
struct ContextKey {
  u16 vpid = 0, pcid = 0;
  u64 stage = 0;  // SecondStage::key(), 0 without one
  PagingMode mode;
  bool operator==(const ContextKey&) const = default;
};

// A set of naturally aligned regions of 2^shift bytes, which may err by holding too many.
template <unsigned slots>
class RegionSet {
 public:
  explicit RegionSet(unsigned shift) : shift_(shift) { regions_.fill(nothing); }
  void clear() { log_.wipe(regions_, nothing); }
  void add(u64 address) {
    const unsigned slot = (address >> shift_) % slots;
    u64& region = regions_[slot];
    if (region == nothing) log_.note(slot);
    region = region == nothing || region == address >> shift_ ? address >> shift_ : several;
  }
  bool may_have(u64 address) const {
    const u64 region = regions_[(address >> shift_) % slots];
    return region == address >> shift_ || region == several;
  }

 private:
  static constexpr u64 nothing = ~u64{0}, several = ~u64{1};  // no region has these numbers
  unsigned shift_;
  std::array<u64, slots> regions_;
  SlotLog<32> log_;
};

struct Mmu::Context {
  enum View : u8 { user, supervisor, supervisor_ac };

  // One view's arrays, and the bus addresses of the pages that they hold.
  struct DataSide {
    TlbView view;
    std::array<HostPhys, tlb_entries> read_pages, write_pages;
    TagArray<TlbEntry> read, write;
    std::array<BesideEntry, beside_entries> beside;
    bool any_beside = false;
    DataSide() {
      read.attach(view.read);
      write.attach(view.write);
    }
    void put_beside(const BesideEntry& entry) {
      beside[beside_index(entry.tag)] = entry;
      any_beside = true;
    }
    void drop_beside(u64 page) {
      BesideEntry& entry = beside[beside_index(page)];
      if (entry.tag == page) entry.tag = TlbEntry::none;
    }
    void clear_beside() {
      if (!any_beside) return;
      beside.fill(BesideEntry{});
      any_beside = false;
    }
  };
  struct FetchSide {
    std::array<FetchEntry, tlb_entries> entries;
    TagArray<FetchEntry> tags;
    RegionSet<64> evicted{21};  // where pages lay that were lost in this epoch without an invalidation
    bool any_evicted = false;
    bool all_global = true;  // every page filled since the others were flushed
    u64 private_epoch = 0;   // if not
    FetchSide() { tags.attach(entries.data()); }
  };
  // Global pages are the same in all contexts of one VPID, second stage and paging mode: "Global Pages". Who
  // has fetched from no others shares an epoch, so that a switch of PCIDs forgets nothing of the kernel's
  // code.
  struct SharedEpochs {
    std::array<u64, 2> value;  // as `fetch`
  };

  ContextKey key;
  u64 last_used = 0;
  std::array<std::unique_ptr<DataSide>, 3> data;  // the third only with SMAP
  std::array<FetchSide, 2> fetch;                 // user, supervisor
  std::shared_ptr<SharedEpochs> shared_epochs;
  SlotSet global_slots;  // slots that hold, in some array, a global page; some may hold it no more
  // Which 2-MByte and which GByte regions may have fragments of large pages in some array, so that INVLPG of
  // any other address need not look for them.
  RegionSet<512> large{21};
  RegionSet<64> huge{30};
  StructurePages structure_pages;
  UpperLevels upper_levels;
  bool walked = false;     // since all was flushed: else there is nothing to flush
  unsigned fruitless = 0;  // searches in vain since the two were last exact
  // PKRU and IA32_PKRS that the entries were judged with, and the keys that matter to some entry.
  u32 pkru = 0, pkrs = 0;
  u16 user_keys = 0, supervisor_keys = 0;

  explicit Context(const ContextKey& k);
  void adopt(const ContextKey& k);  // the context was flushed; from now on it serves another key
  // Right behind that: `others` may include it.
  void share_epochs(std::span<const std::unique_ptr<Context>> others, u64& epochs);
  u64 fetch_epoch(bool is_user) const {
    const FetchSide& of = fetch[is_user ? 0 : 1];
    return of.all_global ? shared_epochs->value[is_user ? 0 : 1] : of.private_epoch;
  }

  DataSide& side(Access access, bool ac) {
    if (access.user) return *data[user];
    return *data[ac && !access.implicit && data[supervisor_ac] ? supervisor_ac : supervisor];
  }
  void fill_fetch(FetchSide& side, u64 page, HostPhys physical, PageTraits traits, u64& epochs);
  void note_global(u64 page) { global_slots.put(tlb_index(page), true); }
  void note_large(u64 address, u64 page_size);

  // Invalidation. `epochs` is the Mmu's counter: a fetch side that lost something gets a new number.
  void drop_page(u64 address, bool globals_only, u64& epochs);     // with the fragments of a large page
  void drop_small_page(u64 page, bool globals_only, u64& epochs);  // this page number only
  void flush_non_global();
  void flush(u64& epochs);
  // Fast tags for loads and stores only: of a linear page, of the page at a host address, all.
  void drop_data_page(u64 page);
  void drop_data_frame(u64 host);
  void drop_all_data();
  bool may_hold_global(u64 address) const {
    return global_slots.has(tlb_index(address)) || large.may_have(address) || huge.may_have(address);
  }

 private:
  bool drop_fragments(u64 first, u64 bytes, bool globals_only, u64& epochs);
  void recount_regions(u64& epochs);
  void new_epoch(FetchSide& side, u64& epochs);
};

}  // namespace ringside
