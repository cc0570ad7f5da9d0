// Owns the font of a screen whose firmware brings none.
#pragma once

#include <array>

#include "cpu/arch/types.h"

namespace ringside {

// 16 rows of 8 dots, the leftmost in bit 7.
using Glyph = std::array<u8, 16>;

// Of code page 437; what has no glyph is a frame.
Glyph glyph_of(u8 code);

}  // namespace ringside
