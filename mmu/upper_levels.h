// Owns the upper levels of recent page walks, so that a walk reads little more than the entry that maps the
// page.
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "mmu/physical_memory.h"
#include "mmu/slot_log.h"
#include "mmu/walk.h"

namespace ringside {

// For 4- and 5-level paging. Not the manual's paging-structure caches: the entries are compared with memory
// each time, so that nothing ever has to be invalidated but for the memory map's sake; with a second stage
// also where that invalidates guest-physical mappings, as StructurePages. Belongs to one paging mode and
// second stage.
class UpperLevels {
 public:
  // False: nothing is known, or what is known no longer holds, or the walk has to set a bit or to fail:
  // walk().
  bool find(const WalkState& state, u64 address, Access access, const PhysicalMemory& memory,
            Translation& result) const;
  // To be called right after a walk of this address that went well.
  void learn(const WalkState& state, u64 address, PhysicalMemory& memory);
  // To be called when host pointers change, or where the second stage may have moved a table.
  void clear() { used_.wipe(entries_, Entry{}); }
  // With a second stage it outlives changes of that one's structures, and is state.
  void fields(Fields& visit, PhysicalMemory& memory);

 private:
  struct Upper {
    const u8* at = nullptr;
    u64 value = 0;
    HostPhys place;  // of what `at` points to
  };
  struct Entry {
    u64 region = ~u64{0};  // linear address in units of 2 MiB
    u64 root = 0;          // of the top table
    std::array<Upper, 4> upper;
    unsigned count = 0;         // of `upper`
    bool large = false;         // the table holds the PDE of a 2-MByte page, else the PTE
    PageRights rights;          // of `upper`
    u64 reserved = 0;           // bits of the entry that maps the page
    const u8* table = nullptr;  // with the entry that maps the page
    HostPhys table_place;
  };
  static constexpr unsigned slots = 128;
  void visit_entry(Fields& visit, Entry& entry);
  static unsigned index(u64 region, u64 root) { return (region ^ region >> 7 ^ root >> 12) % slots; }

  std::array<Entry, slots> entries_;
  SlotLog<16> used_;
};

}  // namespace ringside
