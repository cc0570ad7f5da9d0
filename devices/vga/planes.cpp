// Owns the Graphics Controller's read and write modes. Source: IBM PS/2 Hardware Interface Technical
// Reference, "Video Subsystem".
#include "devices/vga/planes.h"

#include <bit>

namespace ringside::planes {
namespace {

u32 in_all(u8 byte) { return byte * 0x01010101u; }

// All ones in the planes whose bits are set.
u32 spread(unsigned four) {
  u32 mask = 0;
  for (unsigned plane = 0; plane < 4; ++plane) mask |= four >> plane & 1 ? 0xffu << (8 * plane) : 0;
  return mask;
}

u32 combined(const VgaState& state, u32 data) {
  switch (state.graphics[3] >> 3 & 3) {
    case 1: return data & state.latch;
    case 2: return data | state.latch;
    case 3: return data ^ state.latch;
    default: return data;
  }
}

// What the write modes make of a byte, before the map mask.
u32 made(const VgaState& state, u8 data) {
  const u8 rotated = std::rotr(data, state.graphics[3] & 7);
  const u32 set_reset = spread(state.graphics[0]), enabled = spread(state.graphics[1]);
  u32 mask = in_all(state.graphics[8]), value = 0;
  switch (state.graphics[5] & 3) {
    case 0: value = combined(state, (in_all(rotated) & ~enabled) | (set_reset & enabled)); break;
    case 1: return state.latch;
    case 2: value = combined(state, spread(data)); break;
    default: mask &= in_all(rotated); value = combined(state, set_reset);
  }
  return (value & mask) | (state.latch & ~mask);
}

}  // namespace

std::optional<u32> in_window(const VgaState& state, u32 offset) {
  constexpr u32 kib = 1024;
  struct Window {
    u32 first, bytes;
  };
  static constexpr Window windows[] = {
      {0, 128 * kib}, {0, 64 * kib}, {64 * kib, 32 * kib}, {96 * kib, 32 * kib}};
  const Window& window = windows[state.graphics[6] >> 2 & 3];
  const bool on = (state.miscellaneous & 2) != 0;
  if (!on || offset < window.first || offset - window.first >= window.bytes) return std::nullopt;
  return offset - window.first;
}

u8 read(const VgaState& state, u32 four) {
  if ((state.graphics[5] & 8) == 0) return static_cast<u8>(four >> (8 * (state.graphics[4] & 3)));
  // A bit is set where all planes that count have the colour that is looked for.
  const u32 other = (four ^ spread(state.graphics[2])) & spread(state.graphics[7]);
  return static_cast<u8>(~(other | other >> 8 | other >> 16 | other >> 24));
}

u32 write(const VgaState& state, u32 four, u8 data) {
  const u32 allowed = spread(state.sequencer[2]);
  return (made(state, data) & allowed) | (four & ~allowed);
}

}  // namespace ringside::planes
