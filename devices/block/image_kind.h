// Owns how images that are not raw, or not whole, are told from those that are.
#pragma once

#include <span>
#include <string>

#include "cpu/arch/types.h"

namespace ringside {

// How many of an image's first bytes are looked at.
constexpr u64 looked_at_bytes = 0x9000;

// Of an image of `size` bytes that begins with `head`: what is wrong with it as a raw one, and the cure;
// empty: nothing is. `path` is for the words.
std::string why_not_raw(std::span<const u8> head, u64 size, bool cdrom, const std::string& path);

}  // namespace ringside
