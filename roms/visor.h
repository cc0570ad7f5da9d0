// Owns the declaration of the built-in guest's image; the build makes it of roms/visor.
#pragma once

#include <span>

#include "cpu/arch/types.h"

namespace ringside::roms {

// A flash chip of 64 KiB: its last 16 bytes hold the reset vector.
std::span<const u8> visor();
// Its names and source lines: the bytes of visor.elf.
std::span<const u8> visor_symbols();

}  // namespace ringside::roms
