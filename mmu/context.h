// Owns a TLB context: the soft TLB arrays of one (VPID, PCID, second stage, paging mode) and what it takes to
// drop entries from them cheaply.
#pragma once

#include <array>
#include <cstring>
#include <memory>

#include "mmu/mmu.h"

namespace ringside {

// Log of one array of tlb_entries tags: which slots were filled since the last flush, and which hold global
// pages. Entry is TlbEntry or FetchEntry.
template <class Entry>
class TagArray {
 public:
  void attach(Entry* entries) {
    entries_ = entries;
    wipe();
  }

  bool holds(u64 page) const { return entries_[tlb_index(page)].tag == page; }

  // True: another page's entry had to go.
  bool fill(u64 page, const Entry& entry, bool global) {
    const unsigned slot = tlb_index(page);
    const u64 old = entries_[slot].tag;
    const bool was_global = is_global(slot);
    if (global) {
      global_[slot / 64] |= bit(slot % 64);
      any_global_ = true;
    } else {
      // A slot that holds a non-global page is in the log already.
      if (old == TlbEntry::none || was_global) log(slot);
      global_[slot / 64] &= ~bit(slot % 64);
    }
    entries_[slot] = entry;
    return old != TlbEntry::none && old != page;
  }

  // Each tells whether an entry was dropped.
  bool drop(u64 page, bool globals_only) {
    const unsigned slot = tlb_index(page);
    if (entries_[slot].tag != page || (globals_only && !is_global(slot))) return false;
    entries_[slot].tag = TlbEntry::none;
    return true;
  }
  template <class Condition>
  bool drop_if(Condition condition) {
    bool dropped = false;
    for (unsigned slot = 0; slot < tlb_entries; ++slot) {
      if (entries_[slot].tag == TlbEntry::none || !condition(entries_[slot], is_global(slot))) continue;
      entries_[slot].tag = TlbEntry::none;
      dropped = true;
    }
    return dropped;
  }
  bool flush_non_global() {
    if (!any_global_) return flush();
    bool dropped = false;
    if (overflow_) {
      dropped = drop_if([](const Entry&, bool global) { return !global; });
    } else {
      for (unsigned i = 0; i < logged_; ++i) {
        if (is_global(log_[i])) continue;
        dropped |= entries_[log_[i]].tag != TlbEntry::none;
        entries_[log_[i]].tag = TlbEntry::none;
      }
    }
    logged_ = 0;
    overflow_ = false;
    return dropped;
  }
  bool flush() {
    if (!any_global_ && !overflow_) {
      const bool dropped = logged_ != 0;
      for (unsigned i = 0; i < logged_; ++i) entries_[log_[i]].tag = TlbEntry::none;
      logged_ = 0;
      return dropped;
    }
    wipe();
    return true;
  }
  bool any_global() const { return any_global_; }
  bool empty() const { return logged_ == 0 && !overflow_ && !any_global_; }

 private:
  static constexpr unsigned log_slots = 256;

  bool is_global(unsigned slot) const { return global_[slot / 64] >> (slot % 64) & 1; }
  void log(unsigned slot) {
    if (logged_ == log_slots) {
      overflow_ = true;
    } else {
      log_[logged_++] = static_cast<u16>(slot);
    }
  }
  void wipe() {
    for (unsigned i = 0; i < tlb_entries; ++i) entries_[i].tag = TlbEntry::none;
    global_.fill(0);
    any_global_ = overflow_ = false;
    logged_ = 0;
  }

  Entry* entries_ = nullptr;
  unsigned logged_ = 0;
  bool overflow_ = false, any_global_ = false;
  std::array<u64, tlb_entries / 64> global_{};
  std::array<u16, log_slots> log_{};
};

// Which translations a cache entry belongs to.
struct ContextKey {
  u16 vpid = 0, pcid = 0;
  u64 stage = 0;  // SecondStage::key(), 0 without one
  PagingMode mode;
  bool operator==(const ContextKey&) const = default;
};

struct Mmu::Context {
  enum View : u8 { user, supervisor, supervisor_ac };

  // One view's arrays. `physical` remembers the bus address of the pages that `read` holds.
  struct DataSide {
    TlbView view;
    std::array<HostPhys, tlb_entries> physical;
    TagArray<TlbEntry> read, write;
    DataSide() {
      read.attach(view.read);
      write.attach(view.write);
    }
  };
  struct FetchSide {
    std::array<FetchEntry, tlb_entries> entries;
    TagArray<FetchEntry> tags;
    std::array<u64, tlb_entries / 64>
        evicted{};  // slots that lost a page in this epoch, without an invalidation
    bool any_evicted = false;
    u64 epoch = 0;
    FetchSide() { tags.attach(entries.data()); }
  };

  ContextKey key;
  u64 last_used = 0;
  std::array<std::unique_ptr<DataSide>, 3> data;  // the third only with SMAP
  std::array<FetchSide, 2> fetch;                 // user, supervisor
  // Large pages are entered as 4-KByte fragments. A bit of `large` stands for 2-MByte regions by a hash of
  // their number, one of `huge` for GByte regions: those that may hold fragments.
  std::array<u64, 16> large{};
  u64 huge = 0;
  // PKRU and IA32_PKRS that the entries were judged with, and the keys that matter to some entry.
  u32 pkru = 0, pkrs = 0;
  u16 user_keys = 0, supervisor_keys = 0;

  explicit Context(const ContextKey& k);
  void adopt(const ContextKey& k);  // the context was flushed; from now on it serves another key

  DataSide& side(Access access, bool ac) {
    if (access.user) return *data[user];
    return *data[ac && !access.implicit && data[supervisor_ac] ? supervisor_ac : supervisor];
  }
  void fill_fetch(FetchSide& side, u64 page, HostPhys physical, bool global);
  void note_large(u64 address, u64 page_size);

  // Invalidation. `epochs` is the Mmu's counter: a fetch side that lost something gets a new number.
  void drop_page(u64 address, bool globals_only, u64& epochs);     // with the fragments of a large page
  void drop_small_page(u64 page, bool globals_only, u64& epochs);  // this page number only
  void flush_non_global(u64& epochs);
  void flush(u64& epochs);
  void drop_data_page(u64 page);  // fast tags for loads and stores only
  bool any_global() const;

 private:
  void drop_region(u64 first, u64 bytes, bool globals_only, u64& epochs);
  static void new_epoch(FetchSide& side, u64& epochs);
};

}  // namespace ringside
