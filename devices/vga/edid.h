// Owns the display data channel's block: what the monitor says of itself.
#pragma once

#include <array>

#include "cpu/arch/types.h"

namespace ringside {

// The base block for a monitor that prefers `width` x `height` dots at 60 Hz (at most 4095 each). Source:
// VESA Enhanced Extended Display Identification Data Standard, "EDID 1.4 Base".
std::array<u8, 128> make_edid(unsigned width, unsigned height);

}  // namespace ringside
