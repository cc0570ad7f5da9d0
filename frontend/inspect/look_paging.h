// Owns what paging structures map, as ranges: a guest's page tables, EPT; and single walks.
#pragma once

#include <string>
#include <vector>

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"
#include "vmx/explain_walk.h"

namespace ringside {

// Consecutive pages with the same rights that lead to consecutive addresses.
struct MappedRange {
  u64 first = 0, bytes = 0;  // linear, or guest-physical for EPT
  u64 to = 0;                // guest-physical, or host-physical for EPT
  u64 page_size = 0;         // of the largest page in it
  u64 smallest_page = 0;
  std::string rights;  // "rwx user global", "rwx WB"
};
struct MappedRanges {
  std::vector<MappedRange> ranges;
  bool cut = false;     // there are more than asked for
  std::string refusal;  // why there are none: paging is off, EPT not in use
};
// Of what the CPU runs now; addresses from `first` on.
MappedRanges mapped_pages(const Cpu& cpu, u64 first = 0, std::size_t limit = 1000);
// Of the current VMCS's EPT pointer, or of `eptp`.
MappedRanges mapped_ept(const Cpu& cpu, u64 first = 0, std::size_t limit = 1000);
MappedRanges mapped_ept(const Cpu& cpu, u64 eptp, u64 first, std::size_t limit);
// `name`: "pages" or "ept".
Sheet sheet(const MappedRanges& ranges, std::string_view name);
Sheet sheet(const ExplainedWalk& walk);

// Each entry that a translation reads, in both stages if a guest runs, for what the CPU runs now.
Sheet walk_sheet(const Cpu& cpu, u64 linear, Access access = {});
// The same for the guest of the current VMCS while the hypervisor runs: from the state that the last VM exit
// saved; and of a guest-physical address through EPT.
Sheet guest_walk_sheet(const Cpu& cpu, u64 guest_linear, Access access = {});
Sheet ept_walk_sheet(const Cpu& cpu, u64 guest_physical, Access access = {});

}  // namespace ringside
