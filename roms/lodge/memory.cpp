// Owns the address spaces of processes: page tables, and the copying between a process and the kernel.
//
// All have the kernel in entry 0 of the PML4, out of reach for ring 3, as start.asm made it, and their own
// memory in entry 1.
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/lodge/process.h"

extern "C" kit::u64 kit_pml4[512];

namespace lodge {
namespace {

// The manual's "Paging Entries".
constexpr u64 present = 1, writable = 2, user = 4;
constexpr u64 kept = 1 << 9;  // for software: this page is not given back with the process
constexpr u64 address_mask = 0x000ffffffffff000;

// The last entry for a linear address; the tables above it are made as needed.
u64& entry_of(const Process& process, u64 linear) {
  u64 table = process.pml4;
  for (unsigned shift = 39; shift > 12; shift -= 9) {
    u64& entry = at<u64>(table)[linear >> shift & 511];
    if (!entry) entry = allocate_page() | present | writable | user;
    table = entry & address_mask;
  }
  return at<u64>(table)[linear >> 12 & 511];
}

bool has(const Process& process, u64 address) {
  for (u64 n = 0; n < process.region_count; ++n)
    if (address >= process.regions[n].first && address < process.regions[n].last) return true;
  return false;
}

void free_table(u64 table, unsigned level) {
  for (u64 n = 0; n < 512; ++n) {
    const u64 entry = at<u64>(table)[n];
    if (!entry || (level == 0 && entry & kept)) continue;
    if (level == 0)
      free_page(entry & address_mask);
    else
      free_table(entry & address_mask, level - 1);
  }
  free_page(table);
}

// Goes through the memory page by page, because the next page of a process lies anywhere.
template <class Copy>
bool each_page(Process& process, u64 address, u64 bytes, Copy copy) {
  while (bytes) {
    const u64 page = page_at(process, address);
    if (!page) return false;
    const u64 inside = address % page_bytes, part = smaller(bytes, page_bytes - inside);
    copy(at<u8>(page + inside), part);
    address += part;
    bytes -= part;
  }
  return true;
}

}  // namespace

void make_address_space(Process& process) {
  process.pml4 = allocate_page();
  at<u64>(process.pml4)[0] = kit_pml4[0];
  process.next_free = user_first + (1ul << 32);
}

void free_address_space(Process& process) {
  const u64 own = at<u64>(process.pml4)[1];
  if (own) free_table(own & address_mask, 2);
  free_page(process.pml4);
  process.pml4 = 0;
}

void use_address_space(const Process* process) {
  const u64 cr3 = process ? process->pml4 : address_of(kit_pml4);
  if (read_cr3() != cr3) write_cr3(cr3);
}

u64 add_region(Process& process, u64 bytes) {
  constexpr u64 most = 1ul << 36;
  if (!bytes || bytes > most || process.region_count == sizeof process.regions / sizeof *process.regions)
    return 0;
  const u64 first = process.next_free, last = first + ((bytes + page_bytes - 1) & ~(page_bytes - 1));
  if (last + page_bytes > user_last) return 0;
  process.regions[process.region_count++] = {first, last};
  process.next_free = last + page_bytes;  // a hole, so that a step too far is noticed
  return first;
}

u64 map_shared_page(Process& process, u64 page) {
  const u64 address = add_region(process, page_bytes);
  if (address) entry_of(process, address) = page | present | writable | user | kept;
  return address;
}

u64 page_at(Process& process, u64 address) {
  // The last of the memory is the kernel's: for tables, without which nobody can go on.
  constexpr u64 reserve = 1 << 20;
  if (!has(process, address) || free_memory() < reserve) return 0;
  u64& entry = entry_of(process, address);
  if (!entry) entry = allocate_page() | present | writable | user;
  return entry & address_mask;
}

bool copy_from(Process& process, u64 address, void* to, u64 bytes) {
  auto* next = static_cast<u8*>(to);
  return each_page(process, address, bytes,
                   [&](const u8* part, u64 size) { memcpy(next, part, size), next += size; });
}

bool copy_to(Process& process, u64 address, const void* from, u64 bytes) {
  auto* next = static_cast<const u8*>(from);
  return each_page(process, address, bytes,
                   [&](u8* part, u64 size) { memcpy(part, next, size), next += size; });
}

bool copy_text_from(Process& process, u64 address, char* to, u64 room) {
  for (u64 n = 0; n < room; ++n) {
    if (!copy_from(process, address + n, to + n, 1)) return false;
    if (!to[n]) return true;
  }
  return false;
}

}  // namespace lodge
