// Owns the page walk as the manual's clauses: 32-bit, PAE, 4- and 5-level paging, with an optional trail.
#pragma once

#include <array>
#include <string_view>

#include "cpu/arch/fault.h"
#include "cpu/arch/seams.h"
#include "cpu/arch/types.h"

namespace ringside {

// One read of a paging-structure entry, or of a second-stage entry on the way to one.
struct WalkStep {
  u8 level = 0;  // 5 PML5E, 4 PML4E, 3 PDPTE, 2 PDE, 1 PTE
  bool second_stage = false;
  GuestPhys entry_at;  // where the entry was read (guest-physical; host-physical for second-stage steps)
  u64 entry = 0;
  std::string_view failure;  // empty if the walk went on; else the rule in words
};

// The trail of a walk: up to 24 reads with nesting (5-level: 35).
struct WalkTrace {
  std::array<WalkStep, 40> steps;
  unsigned count = 0;
  void add(const WalkStep& step) {
    if (count < steps.size()) steps[count++] = step;
  }
};

}  // namespace ringside
