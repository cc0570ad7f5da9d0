// Owns the layout of the software TLB: what the fast path of a load or store reads.
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

// Host pointer of linear address a is a + addend, if ((a + size - 1) & ~0xfff) == tag. One compare checks
// page, rights and that the access stays inside the page. Index: (a >> 12) & (tlb_entries - 1).
struct TlbEntry {
  static constexpr u64 none = ~u64{0};
  u64 tag = none;
  u64 addend = 0;
};
static_assert(sizeof(TlbEntry) == 16);

constexpr unsigned tlb_entries = 1024;

// The translations usable by one kind of access: user, supervisor, supervisor with EFLAGS.AC under SMAP.
// Pages with MMIO, ROM (write), decoded code (write), data breakpoints or pending A/D updates have no tag
// here.
struct TlbView {
  TlbEntry read[tlb_entries];
  TlbEntry write[tlb_entries];
};

// Instruction fetch: linear page -> host-physical page, by user and supervisor.
struct FetchEntry {
  u64 tag = TlbEntry::none;  // linear page address
  HostPhys page;
};

// A page that could have a write tag but for decoded code on some of its lines: stores go to the other lines.
struct BesideEntry {
  u64 tag = TlbEntry::none;    // linear page address
  u64 addend = 0;              // as TlbEntry's
  const u32* lines = nullptr;  // a bit for each line that holds code, now
  HostPhys page;
};
constexpr unsigned beside_entries = 16;

constexpr unsigned beside_index(u64 linear) { return (linear >> 12) & (beside_entries - 1); }

constexpr unsigned tlb_index(u64 linear) { return (linear >> 12) & (tlb_entries - 1); }

}  // namespace ringside
