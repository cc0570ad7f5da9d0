// Owns a TLB context: the pages known to one (VPID, PCID, second stage, paging mode) and what it takes to
// drop entries from them cheaply.
#pragma once

#include <array>
#include <map>
#include <memory>

#include "mmu/global_fetches.h"
#include "mmu/known_pages.h"
#include "mmu/mmu.h"
#include "mmu/upper_levels.h"

namespace ringside {

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
  void fields(Fields& visit) {
    u64 count = 0;
    for (const u64 region : regions_) count += region != nothing ? 1 : 0;
    visit("regions", count);
    if (visit.restoring()) {
      log_.wipe(regions_, nothing);
      for (u64 n = std::min<u64>(count, slots); n > 0; --n) {
        u64 slot = 0;
        visit("slot", slot);
        slot %= slots;
        log_.note(static_cast<unsigned>(slot));
        visit("region", regions_[slot]);
      }
      return;
    }
    for (u64 slot = 0; slot < slots; ++slot) {
      if (regions_[slot] == nothing) continue;
      visit("slot", slot);
      visit("region", regions_[slot]);
    }
  }

 private:
  static constexpr u64 nothing = ~u64{0}, several = ~u64{1};  // no region has these numbers
  unsigned shift_;
  std::array<u64, slots> regions_;
  SlotLog<32> log_;
};

// The pages that one kind of access knows, the view with the fast tags of some of them, and those that lie
// beside code, of which each is known for writing.
struct Mmu::DataSide {
  TlbView view;
  PageTable<KnownDataPages> read{view.read}, write{view.write};
  std::array<BesideEntry, beside_entries> beside;
  bool any_beside = false;
  void put_beside(const BesideEntry& entry) {
    beside[beside_index(entry.tag)] = entry;
    any_beside = true;
  }
  // Until all code is gone from it: then it gets a fast tag.
  bool lies_beside(u64 page) const {
    const BesideEntry& entry = beside[beside_index(page)];
    return entry.tag == page && *entry.lines != 0;
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
  void fill_write(u64 page, const PagePlace& place, PageTraits traits) {
    drop_beside(write.page(tlb_index(page)));
    write.fill(page, place, traits);
  }
  void drop_fast(u64 page);
  template <class Condition>
  void drop_fast_if(Condition condition);  // condition(const PagePlace&, const TlbEntry&)
};

template <class Condition>
void Mmu::DataSide::drop_fast_if(Condition condition) {
  read.for_each([&](unsigned slot) {
    if (condition(read.place(slot), read.fast(slot))) read.fast(slot).tag = TlbEntry::none;
  });
  write.for_each([&](unsigned slot) {
    if (condition(write.place(slot), write.fast(slot))) write.fast(slot).tag = TlbEntry::none;
  });
  clear_beside();
}

struct Mmu::Context {
  enum View : u8 { user, supervisor, supervisor_ac };

  // The pages that instructions were fetched from. Whoever trusts the epoch trusts pages that have lost their
  // slot in the table, too: they are known as long as the epoch lasts. Global pages belong to GlobalFetches;
  // the table holds copies of some of them.
  struct FetchSide {
    static constexpr unsigned most = 1536;  // pages of its own

    struct Evicted {
      HostPhys host;
      bool fragment = false;
    };
    PageTable<KnownFetchPages> table;
    std::map<u64, Evicted> evicted;  // pages of its own that gave way in the table
    SlotSet gave_way;                // slots that have pages in `evicted`; some may have them no more
    unsigned known = 0;              // pages of its own
    bool all_global = true;          // no page of its own was filled since the last flush of those
    u64 private_epoch = 0;           // the epoch where there are pages of its own

    void insert(u64 page, HostPhys host, PageTraits traits);  // in the table; what was there is evicted
    bool may_own(u64 page) const {
      const unsigned slot = tlb_index(page);
      return table.page(slot) == page || gave_way.has(slot);
    }
    bool drop_own(u64 page);
    bool drop_own_fragments(u64 first, u64 bytes);
    bool drop_all_own();
    void drop_copies(u64 first, u64 bytes);
  };

  ContextKey key;
  u64 last_used = 0;
  std::array<std::unique_ptr<DataSide>, 3> data;  // the third only with SMAP
  std::array<FetchSide, 2> fetch;                 // user, supervisor
  std::shared_ptr<GlobalFetches> globals;
  SlotSet global_slots;  // slots that hold, in some array, a global page; some may hold it no more
  // Which 2-MByte and which GByte regions may have fragments of large pages in some array, so that INVLPG of
  // any other address need not look for them.
  RegionSet<512> large{21};
  RegionSet<64> huge{30};
  StructurePages structure_pages;
  UpperLevels upper_levels;
  bool walked = false;     // there was a walk since the last flush of all; else there is nothing to flush
  unsigned fruitless = 0;  // searches in vain since the two were last exact
  // PKRU and IA32_PKRS that the entries were judged with, and the keys that matter to some entry.
  u32 pkru = 0, pkrs = 0;
  u16 user_keys = 0, supervisor_keys = 0;

  explicit Context(const ContextKey& k);
  void adopt(const ContextKey& k);  // the context was flushed; from now on it serves another key
  // To be called right after the constructor and after adopt(): shares the global pages of a context among
  // `others` that differs by its PCID only. `others` may include this one.
  void share_globals(std::span<const std::unique_ptr<Context>> others, u64& epochs);
  u64 fetch_epoch(bool is_user) const {
    const FetchSide& of = fetch[is_user ? 0 : 1];
    return of.all_global ? globals->epoch(is_user ? 0 : 1) : of.private_epoch;
  }

  DataSide& side(Access access, bool ac) {
    if (access.user) return *data[user];
    return *data[ac && !access.implicit && data[supervisor_ac] ? supervisor_ac : supervisor];
  }
  // The page is known to fetches, and in the table from now on.
  bool find_fetch(bool is_user, u64 page, HostPhys& host);
  void fill_fetch(bool is_user, u64 page, HostPhys host, PageTraits traits, u64& epochs);
  void note_global(u64 page) { global_slots.put(tlb_index(page), true); }
  void note_large(u64 address, u64 page_size);

  // Invalidation; the pages of GlobalFetches are the Mmu's affair. `epochs` is its counter: a fetch side that
  // lost something gets a new number.
  void drop_page(u64 address, bool globals_only, u64& epochs);     // with the fragments of a large page
  void drop_small_page(u64 page, bool globals_only, u64& epochs);  // this page number only
  void flush_non_global();
  void flush(u64& epochs);
  // Pages from `first` went from `globals`.
  void drop_fetch_copies(unsigned side, u64 first, u64 bytes, u64& epochs);
  // Fast tags only, of each side.
  void drop_fast(u64 page);
  template <class Condition>
  void drop_fast_if(Condition condition) {
    for (auto& side : data) {
      if (side) side->drop_fast_if(condition);
    }
  }
  // All that a guest may come to notice: what is known, and what decides on what is forgotten. Fast tags and
  // epochs are not visited.
  void fields(Fields& visit, u64& epochs);
  bool may_have_global(u64 address) const {
    return global_slots.has(tlb_index(address)) || large.may_have(address) || huge.may_have(address);
  }

 private:
  bool drop_fragments(u64 first, u64 bytes, bool globals_only, u64& epochs);
  void recount_regions();
  void visit_data(Fields& visit, DataSide& side);
  void visit_pages(Fields& visit, PageTable<KnownDataPages>& pages);
  void visit_fetches(Fields& visit, FetchSide& side);
};

}  // namespace ringside
