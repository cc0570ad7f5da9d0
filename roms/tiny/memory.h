// Owns the guest's own mappings: pages for ring 3, far above the identity map of the start.
#pragma once

#include "roms/kit/types.h"

namespace tiny {

using namespace kit;

// The first address that nothing else maps: entry 1 of the PML4.
constexpr u64 user_base = 1ul << 39;

// Maps a page at a linear address of the 2 MBytes from user_base on, for ring 3 as well.
void map_user_page(u64 linear, u64 physical);
void unmap_user_page(u64 linear);

}  // namespace tiny
