// Owns the processor states in which boot protocols hand the machine to a kernel.
#pragma once

#include "frontend/machine/load_plan.h"

namespace ringside {

// Selectors of the table that flat_gdt() makes.
struct FlatSelectors {
  u16 code, data, tss;  // tss 0: none
};
constexpr FlatSelectors linux_selectors{0x10, 0x18, 0};      // __BOOT_CS and __BOOT_DS
constexpr FlatSelectors multiboot_selectors{0x08, 0x10, 0};  // the protocol leaves the choice open
constexpr FlatSelectors pvh_selectors{0x08, 0x10, 0x18};

// The bytes of a descriptor table with flat segments of 4 GiB (the code segment 64-bit or 32-bit).
std::vector<u8> flat_gdt(const FlatSelectors& selectors, bool code64);

// Flat segments from `gdt` (in guest memory, made by flat_gdt), interrupts off, general registers zero, then
// RIP. 32-bit protected mode without paging:
void enter_protected_mode(Cpu& cpu, const FlatSelectors& selectors, u64 gdt, u64 entry);
// 64-bit mode with the page tables at `cr3`:
void enter_64_bit_mode(Cpu& cpu, const FlatSelectors& selectors, u64 gdt, u64 entry, u64 cr3);

// Plans page tables that map the first 4 GiB and [base, base + bytes) one to one with 2 MiB pages. Returns
// CR3; no answer: no room.
std::optional<u64> place_identity_map(LoadPlan& plan, u64 base, u64 bytes);

}  // namespace ringside
