// Owns what an access to the VGA's memory window does to the four planes.
#pragma once

#include <optional>

#include "devices/vga/vga_state.h"

namespace ringside::planes {

// Where the byte at `offset` from A0000H lies in the window that is switched on; nullopt: outside of it.
std::optional<u32> in_window(const VgaState& state, u32 offset);

// Planar accesses, by the Graphics Controller's read and write modes. `four` is a byte of each plane.
u8 read(const VgaState& state, u32 four);
// The planes' bytes after a write of `data`; only those that the map mask allows have changed.
u32 write(const VgaState& state, u32 four, u8 data);

}  // namespace ringside::planes
