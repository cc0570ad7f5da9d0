// Owns the question whether a page of RAM needs to be kept.
#pragma once

#include <array>
#include <cstring>

#include "cpu/arch/types.h"

namespace ringside {

// Whether the `page_bytes` bytes from `page` are all zero.
inline bool all_zero(const u8* page) {
  static constexpr std::array<u8, page_bytes> zeros{};
  return std::memcmp(page, zeros.data(), page_bytes) == 0;
}

}  // namespace ringside
