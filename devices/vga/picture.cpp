// Owns the drawing of the screen: the CRTC's way through memory, line by line, and what becomes of it.
#include "devices/vga/picture.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ringside {
namespace {

using Colors = std::array<u32, 256>;

// The DAC's colours as a monitor shows them.
Colors palette_of(const VgaState& state) {
  Colors colors;
  for (unsigned n = 0; n < colors.size(); ++n) {
    u32 color = 0;
    for (unsigned part = 0; part < 3; ++part) {
      const u8 value = state.palette[3 * n + part];
      const unsigned level = state.dac_8_bits() ? value : (value & 0x3fu) << 2 | (value >> 4 & 3);
      color = color << 8 | level;
    }
    colors[n] = color;
  }
  return colors;
}

// What the Attribute Controller makes of its sixteen colours.
std::array<u32, 16> attribute_colors(const VgaState& state, const Colors& colors) {
  std::array<u32, 16> out;
  const u8 select = state.attribute[0x14];
  for (unsigned n = 0; n < out.size(); ++n) {
    unsigned color = state.attribute[n] & 0x3f;
    if (state.attribute[0x10] & 0x80) color = (color & 0x0f) | (select & 3u) << 4;
    color |= (select & 0x0cu) << 4;
    out[n] = colors[color & state.dac_mask];
  }
  return out;
}

class Drawing {
 public:
  Drawing(const VgaState& state, const u8* memory, Blink blink)
      : state_(state),
        memory_(memory),
        blink_(blink),
        colors_(palette_of(state)),
        sixteen_(attribute_colors(state, colors_)) {}

  Picture draw() {
    if (state_.dispi.enabled() && state_.dispi.values[Dispi::depth] != 4) {
      size(state_.dispi.values[Dispi::width], state_.dispi.values[Dispi::height]);
      if (!state_.blank()) draw_dispi();
      return std::move(picture_);
    }
    const bool doubled = (state_.sequencer[1] & 8) != 0;
    const unsigned dots = state_.text() ? state_.dots_of_character() : 8;
    if (state_.dispi.enabled())
      size(state_.dispi.values[Dispi::width], state_.dispi.values[Dispi::height]);
    else
      size(state_.columns() * dots * (doubled ? 2 : 1), state_.lines());
    if (!state_.blank()) draw_lines(doubled ? 2 : 1);
    return std::move(picture_);
  }

 private:
  void size(unsigned width, unsigned height) {
    picture_.width = width;
    picture_.height = height;
    picture_.dots.assign(std::size_t{width} * height, 0);
  }
  u32 four(u64 dword) const {
    u32 bytes;
    std::memcpy(&bytes, memory_ + dword * 4 % VgaState::memory_bytes, sizeof bytes);
    return bytes;
  }

  void draw_dispi();
  void draw_lines(unsigned scale);
  unsigned text_pan() const;
  void draw_text_line(u32* to, unsigned address, unsigned row, unsigned width);
  void draw_graphics_line(u32* to, unsigned address, unsigned width, unsigned pan);
  void draw_cell(u32* to, unsigned cell, unsigned row);

  const VgaState& state_;
  const u8* memory_;
  Blink blink_;
  Colors colors_;
  std::array<u32, 16> sixteen_;
  Picture picture_;
};

void Drawing::draw_dispi() {
  const auto& values = state_.dispi.values;
  const unsigned depth = values[Dispi::depth], bytes = (depth + 7) / 8;
  for (unsigned y = 0; y < picture_.height; ++y) {
    const u64 row = (u64{values[Dispi::y]} + y) * values[Dispi::virtual_width] + values[Dispi::x];
    u32* to = &picture_.dots[std::size_t{y} * picture_.width];
    for (unsigned x = 0; x < picture_.width; ++x) {
      u32 dot = 0;
      const u64 at = (row + x) * bytes;
      if (at + bytes > VgaState::memory_bytes) return;
      std::memcpy(&dot, memory_ + at, bytes);
      const auto part = [&](unsigned shift, unsigned bits) {
        const u32 value = dot >> shift & ((1u << bits) - 1);
        return value << (8 - bits) | value >> (2 * bits - 8);
      };
      if (depth == 8)
        dot = colors_[dot & state_.dac_mask];
      else if (depth == 15)
        dot = part(10, 5) << 16 | part(5, 5) << 8 | part(0, 5);
      else if (depth == 16)
        dot = part(11, 5) << 16 | part(5, 6) << 8 | part(0, 5);
      to[x] = dot & 0xffffff;
    }
  }
}

// As the CRTC counts: rows of so many lines, an address that goes on with each row, from 0 again below the
// line compare. In CGA's way, lines of a row lie in banks of their own.
void Drawing::draw_lines(unsigned scale) {
  const bool text = state_.text(), dispi = state_.dispi.enabled();
  const unsigned height = dispi ? 1 : state_.row_height(), twice = !dispi && (state_.crtc[9] & 0x80) ? 2 : 1;
  const unsigned pitch = dispi ? state_.dispi.values[Dispi::virtual_width] / 8u : state_.pitch();
  const unsigned bytes_panned = dispi ? 0 : state_.crtc[8] >> 5 & 3;
  unsigned address =
      dispi ? state_.dispi.values[Dispi::y] * pitch + state_.dispi.values[Dispi::x] / 8u : state_.start();
  address += bytes_panned;
  // Dots to the left by which the picture is moved; what lies below the line compare may be left out of it.
  unsigned pan = text ? text_pan() : state_.attribute[0x13] & 7u;
  const bool split_stands = (state_.attribute[0x10] & 0x20) != 0;
  unsigned row = dispi ? 0 : std::min(state_.crtc[8] & 0x1fu, height - 1), repeated = 0;
  const unsigned narrow = picture_.width / scale;
  std::vector<u32> line(narrow + 2 * std::size_t{9});  // with the character that comes in from the right
  for (unsigned y = 0; y < picture_.height; ++y) {
    unsigned from = address;
    if (!text && !dispi && (state_.crtc[0x17] & 1) == 0) {
      const unsigned bank = state_.crtc[0x17] & 0x40 ? 13 : 12;
      from = (from & ~(1u << bank)) | (row & 1) << bank;
    }
    if (!text && !dispi && (state_.crtc[0x17] & 2) == 0) from = (from & ~0x2000u) | (row & 2) << 12;
    if (text)
      draw_text_line(line.data(), from, row, narrow + pan);
    else
      draw_graphics_line(line.data(), from, narrow, pan);
    u32* const to = &picture_.dots[std::size_t{y} * picture_.width];
    for (unsigned x = 0; x < picture_.width; ++x) to[x] = line[x / scale + (text ? pan : 0)];

    if (++repeated == twice) {
      repeated = 0;
      if (++row == height) {
        row = 0;
        address += pitch;
      }
    }
    if (dispi || y != state_.line_compare()) continue;
    row = repeated = 0;
    address = split_stands ? 0 : bytes_panned;
    if (split_stands) pan = 0;
  }
}

// Characters of nine dots count from 8, which moves nothing, by 0 to 7.
unsigned Drawing::text_pan() const {
  const unsigned pan = state_.attribute[0x13];
  if (state_.dots_of_character() == 8) return pan & 7;
  return pan >= 8 ? 0 : pan + 1;
}

void Drawing::draw_text_line(u32* to, unsigned address, unsigned row, unsigned width) {
  const unsigned dots = state_.dots_of_character();
  for (unsigned x = 0; x < width; x += dots) draw_cell(to + x, address + x / dots, row);
}

void Drawing::draw_cell(u32* to, unsigned cell, unsigned row) {
  const u32 bytes = four(cell);
  const u8 code = static_cast<u8>(bytes), attribute = static_cast<u8>(bytes >> 8);
  const bool blinks = (state_.attribute[0x10] & 8) != 0;
  // Two of eight character sets of 8 KiB: bit 3 of the attribute chooses. They lie in plane 2, the even ones
  // first.
  const u8 map = state_.sequencer[3];
  const unsigned set = attribute & 8 ? (map >> 2 & 3) | (map >> 3 & 4) : (map & 3) | (map >> 2 & 4);
  const u32 font = (set & 3) * 0x4000 + (set & 4) * 0x800;
  u8 dots = static_cast<u8>(four(font + 32u * code + row) >> 16);
  if (blinks && (attribute & 0x80) && !blink_.text) dots = 0;
  const unsigned start = state_.crtc[0x0a] & 0x1f, end = state_.crtc[0x0b] & 0x1f;
  const bool cursor_here = cell == state_.cursor() && (state_.crtc[0x0a] & 0x20) == 0 && blink_.cursor;
  if (cursor_here && row >= start && row <= end) dots = 0xff;
  const u32 fore = sixteen_[attribute & 15], back = sixteen_[attribute >> 4 & (blinks ? 7 : 15)];
  for (unsigned x = 0; x < 8; ++x) to[x] = dots >> (7 - x) & 1 ? fore : back;
  if (state_.dots_of_character() == 8) return;
  // Lines go on into the ninth dot, and so does the cursor.
  const bool goes_on = (state_.attribute[0x10] & 4) != 0 && code >= 0xc0 && code < 0xe0;
  to[8] = (dots & 1) && (goes_on || (cursor_here && dots == 0xff)) ? fore : back;
}

void Drawing::draw_graphics_line(u32* to, unsigned address, unsigned width, unsigned pan) {
  const u8 mode = state_.graphics[5];
  const unsigned enabled = state_.attribute[0x12] & 15;
  const unsigned wide = (mode & 0x40) ? state_.dispi.enabled() ? 1 : 2 : 1;  // dots of a pixel
  pan /= wide;
  for (unsigned x = 0; x < width; ++x) {
    const unsigned pixel = x / wide + pan;
    if (mode & 0x40) {
      const u8 color = static_cast<u8>(four(address + pixel / 4) >> (8 * (pixel & 3)));
      to[x] = colors_[color & state_.dac_mask];
      continue;
    }
    const u32 planes = four(address + pixel / 8);
    unsigned color = 0;
    if (mode & 0x20) {
      // Two bits of plane 0, then of plane 1; planes 2 and 3 give two more.
      const unsigned shift = 8 * (pixel >> 2 & 1) + 2 * (3 - (pixel & 3));
      color = (planes >> shift & 3) | (planes >> (16 + shift) & 3) << 2;
    } else {
      for (unsigned plane = 0; plane < 4; ++plane)
        color |= (planes >> (8 * plane + 7 - (pixel & 7)) & 1) << plane;
    }
    to[x] = sixteen_[color & enabled];
  }
}

}  // namespace

Blink blink_at(u64 frames) { return {(frames / 16) % 2 == 0, (frames / 32) % 2 == 0}; }

// Addresses that run past the end of the memory begin again at its start.
ShownMemory shown_memory(const VgaState& state) {
  constexpr u64 planes_bytes = 0x40000;  // those of the VGA itself, with its fonts
  const auto& values = state.dispi.values;
  ShownMemory shown{0, planes_bytes};
  if (!state.dispi.enabled()) {
    const u64 rows = state.lines() + 1, last = state.start() + rows * state.pitch() + state.columns() * 2 + 2;
    shown.end = std::max(shown.end, last * 4);
  } else if (values[Dispi::depth] == 4) {
    const u64 rows = u64{values[Dispi::y]} + values[Dispi::height];
    shown.end =
        (rows * (values[Dispi::virtual_width] / 8u) + values[Dispi::x] / 8u + values[Dispi::width] + 2) * 4;
  } else {
    const u64 bytes = (values[Dispi::depth] + 7u) / 8, pitch = values[Dispi::virtual_width] * bytes;
    shown.first = values[Dispi::y] * pitch;
    shown.end =
        shown.first + values[Dispi::height] * pitch + (u64{values[Dispi::x]} + values[Dispi::width]) * bytes;
    // Rows that begin behind the end are not drawn.
    return {std::min(shown.first, VgaState::memory_bytes), std::min(shown.end, VgaState::memory_bytes)};
  }
  return shown.end > VgaState::memory_bytes ? ShownMemory{0, VgaState::memory_bytes} : shown;
}

Picture picture_of(const VgaState& state, const u8* memory, Blink blink) {
  return memory == nullptr ? Picture() : Drawing(state, memory, blink).draw();
}

}  // namespace ringside
