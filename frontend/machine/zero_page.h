// Owns the question whether a page of RAM needs to be kept.
#pragma once

#include <algorithm>

#include "cpu/arch/types.h"

namespace ringside {

// Whether the `page_bytes` bytes from `page` are all zero.
inline bool all_zero(const u8* page) {
  return std::all_of(page, page + page_bytes, [](u8 byte) { return byte == 0; });
}

}  // namespace ringside
