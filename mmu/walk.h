// Owns the page walk as the manual's clauses: 32-bit, PAE, 4- and 5-level paging, with an optional trail.
#pragma once

#include <array>
#include <string_view>

#include "cpu/arch/fault.h"
#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "cpu/arch/types.h"
#include "mmu/physical_memory.h"
#include "mmu/rights.h"

namespace ringside {

// One read of a paging-structure entry, or of a second-stage entry on the way to one.
struct WalkStep {
  u8 level = 0;  // 5 PML5E, 4 PML4E, 3 PDPTE, 2 PDE, 1 PTE
  bool second_stage = false;
  GuestPhys entry_at;  // where the entry was read (guest-physical; host-physical for second-stage steps)
  u64 entry = 0;
  std::string_view failure;  // empty if the walk went on; else the rule in words
  GuestPhys of;              // what a second-stage step is on the way to
};

// The trail of a walk: up to 24 reads with nesting (5-level: 35).
struct WalkTrace {
  std::array<WalkStep, 40> steps;
  unsigned count = 0;
  void add(const WalkStep& step) {
    if (count < steps.size()) steps[count++] = step;
  }
};

// A second stage that can be looked at: as SecondStage::translate, but it sets no bits and leaves its steps.
class SecondStageProbe {
 public:
  virtual ~SecondStageProbe() = default;
  virtual bool probe(GuestPhys address, const StageAccess& access, SecondStage::Result& result,
                     SecondStageFault& fault, WalkTrace* trace) const = 0;
};

// Bits of paging-structure entries.
struct PageEntry {
  static constexpr u64 P = bit(0), RW = bit(1), US = bit(2), PWT = bit(3), PCD = bit(4), A = bit(5),
                       D = bit(6), PS = bit(7), G = bit(8), key = bit_range(59, 62), XD = bit(63);
};

// Where the second stage put the pages of paging structures: the manual's cached guest-physical mappings.
// Belongs to one second stage; its owner clears it with INVEPT and the like.
class StructurePages {
 public:
  struct Entry {
    u64 guest = ~u64{0};  // page address; the initial value is none
    HostPhys host;
    bool writable = false;
  };
  const Entry* find(GuestPhys address) const {
    const Entry& entry = entries_[address.value / page_bytes % entries_.size()];
    return entry.guest == address.page().value ? &entry : nullptr;
  }
  void put(GuestPhys address, HostPhys host, bool writable) {
    entries_[address.value / page_bytes % entries_.size()] = {address.page().value, host.page(), writable};
  }
  void drop(GuestPhys address) {
    Entry& entry = entries_[address.value / page_bytes % entries_.size()];
    if (entry.guest == address.page().value) entry = {};
  }
  void clear() { entries_.fill(Entry{}); }
  void fields(Fields& visit);

 private:
  std::array<Entry, 64> entries_;
};

// What a walk depends on besides the address and memory.
struct WalkState {
  RightsState rights;
  u64 cr3 = 0;
  std::array<u64, 4> pdptes{};  // PAE paging
  unsigned physical_bits = 40;  // MAXPHYADDR, 32..52
  bool gigabyte_pages = true;   // CPUID.80000001H:EDX.Page1GB
  SecondStage* stage = nullptr;
  const SecondStageProbe* stage_probe = nullptr;  // used for looking; without it looking uses `stage`
  StructurePages* structure_pages = nullptr;      // of `stage`; not used for looking
  HostPhys apic_access_page{~u64{0}};             // no paging-structure entry may lie here; all ones: none
};

// What a walk found out about a page.
struct Translation {
  HostPhys address;  // of the byte
  GuestPhys guest;   // the same before the second stage
  u64 page_size = page_bytes;
  PageRights rights;
  bool global = false;  // the leaf's G bit, not yet CR4.PGE
  bool dirty = false;   // no write needs to set a D bit
  bool stage_reads = true, stage_writes = true, stage_executes = true;
};

// Bits reserved in every present entry of PAE, 4-level and 5-level paging.
u64 reserved_in_every_entry(const WalkState& state);
// Reserved bits of a present PDPTE of PAE paging.
constexpr u64 reserved_pdpte_bits(unsigned physical_bits) {
  return bit_range(1, 2) | bit_range(5, 8) | bit_range(physical_bits, 63);
}

// Translates as the processor does and sets A and D bits. False: `fault` says why; then no bit of the entry
// that maps the page was set, but entries above it that were used may have their A bit.
bool walk(PhysicalMemory& memory, const WalkState& state, LinAddr address, Access access, Translation& result,
          Fault& fault);
// The same without touching anything; the trail is optional.
bool look(PhysicalMemory& memory, const WalkState& state, LinAddr address, Access access, Translation& result,
          Fault& fault, WalkTrace* trace);

}  // namespace ringside
