// Owns what a reset leaves in the graphics card: text mode 3, with a palette and a font.
#include <algorithm>

#include "devices/vga/font.h"
#include "devices/vga/vga.h"

namespace ringside {
namespace {

// 80 columns of 9 dots, 25 rows of 16 lines, 70 frames a second. Source: IBM PS/2 Hardware Interface
// Technical Reference, "Video Subsystem", the tables of register values by mode.
constexpr u8 miscellaneous = 0x67;
constexpr std::array<u8, 5> sequencer{0x03, 0x00, 0x03, 0x00, 0x02};
constexpr std::array<u8, 25> crtc{0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
                                  0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
                                  0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
constexpr std::array<u8, 9> graphics{0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff};
constexpr std::array<u8, 21> attribute{0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
                                       0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00};

}  // namespace

void Vga::enter_text_mode() {
  state_.miscellaneous = miscellaneous;
  std::copy(sequencer.begin(), sequencer.end(), state_.sequencer.begin());
  std::copy(crtc.begin(), crtc.end(), state_.crtc.begin());
  std::copy(graphics.begin(), graphics.end(), state_.graphics.begin());
  std::copy(attribute.begin(), attribute.end(), state_.attribute.begin());
  state_.attribute_index = 0x20;
  // 64 colours: two bits each of red, green and blue, the high ones first.
  for (unsigned color = 0; color < 64; ++color) {
    for (unsigned part = 0; part < 3; ++part) {
      const unsigned bright = color >> (2 - part) & 1, dim = color >> (5 - part) & 1;
      state_.palette[3 * color + part] = static_cast<u8>(0x2a * bright + 0x15 * dim);
    }
  }
  constexpr u32 rows_of_glyph = 32, blank = 0x0720;
  for (u32 code = 0; code < 256; ++code) {
    const Glyph glyph = glyph_of(static_cast<u8>(code));
    for (u32 row = 0; row < glyph.size(); ++row) put(4 * (rows_of_glyph * code + row) + 2, &glyph[row], 1);
  }
  for (u32 cell = 0; cell < 80 * 25; ++cell) put(4 * cell, &blank, 2);
  ++changes_;
}

}  // namespace ringside
