// Owns the free memory of the machine: pages of 4 KBytes and of 2 MBytes.
#pragma once

#include "roms/kit/types.h"

namespace kit {

// Gives the allocator the physical memory from `first` to `last`, which nobody uses.
void add_memory(u64 first, u64 last);

// A zeroed page; the program stops if there is none.
u64 allocate_page();
u64 allocate_large_page();
void free_page(u64 page);
void free_large_page(u64 page);

// In bytes.
u64 free_memory();

}  // namespace kit
