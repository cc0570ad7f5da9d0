// Owns the glyphs of a screen whose firmware brings none: the letters of ASCII, lines, blocks and a few signs
// of code page 437.
#include "devices/vga/font.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace ringside {
namespace {

// 20H to 7EH: seven rows of five dots, the top one in the highest bits.
constexpr u64 letters[] = {
    0x000000000, 0x108421004, 0x294a00000, 0x295f57d4a, 0x11f4717c4, 0x632222263, 0x32544564d,
    0x108800000,  //   .. '
    0x088842082, 0x208210888, 0x009575480, 0x0084f9080, 0x000003088, 0x0000f8000, 0x00000018c,
    0x002222200,  // ( .. /
    0x3a33ae62e, 0x11842108e, 0x3a211111f, 0x7c441062e, 0x08ca97c42, 0x7e1e0862e, 0x1910f462e,
    0x7c2222108,  // 0 .. 7
    0x3a317462e, 0x3a317844c, 0x018c03180, 0x018c03088, 0x088882082, 0x001f07c00, 0x208208888,
    0x3a2111004,  // 8 .. ?
    0x3a216d6ae, 0x3a318fe31, 0x7a31f463e, 0x3a308422e, 0x72518c65c, 0x7e10f421f, 0x7e10f4210,
    0x3a30bc62f,  // @ .. G
    0x4631fc631, 0x38842108e, 0x1c4210a4c, 0x4654c5251, 0x42108421f, 0x4775ac631, 0x4639ace31,
    0x3a318c62e,  // H .. O
    0x7a31f4210, 0x3a318d64d, 0x7a31f5251, 0x3e107043e, 0x7c8421084, 0x46318c62e, 0x46318c544,
    0x4631ad6aa,  // P .. W
    0x462a22a31, 0x463151084, 0x7c222221f, 0x39084210e, 0x020820820, 0x38421084e, 0x115100000,
    0x00000001f,  // X .. _
    0x208200000, 0x000e0be2f, 0x4216cc63e, 0x000e8422e, 0x042d9c62f, 0x000e8fe0e, 0x1928e2108,
    0x01f18bc2e,  // ` .. g
    0x4216cc631, 0x100c2108e, 0x080610a4c, 0x4212a6292, 0x30842108e, 0x001aad631, 0x0016cc631,
    0x000e8c62e,  // h .. o
    0x001e8fa10, 0x000d9bc21, 0x0016cc210, 0x000e8383e, 0x211c42126, 0x00118c66d, 0x00118c544,
    0x00118d6aa,                                                                                // p .. w
    0x001151151, 0x00118bc2e, 0x001f1111f, 0x088441082, 0x108421084, 0x208411088, 0x0008a8800,  // x .. ~
};
static_assert(std::size(letters) == 95);

// B3H to DAH: how many lines go up, down, left and right from the middle.
constexpr std::string_view lines =
    "1100 1110 1120 2210 0210 0120 2220 2200 0220 2020 "
    "2010 1020 0110 1001 1011 0111 1101 0011 1111 1102 "
    "2201 2002 0202 2022 0222 2202 0022 2222 1022 2011 "
    "0122 0211 2001 1002 0102 0201 2211 1122 1010 0101 ";
constexpr unsigned first_line = 0xb3, last_line = 0xda;
static_assert(lines.size() == 5 * (last_line - first_line + 1));

// Twice as high, and strokes two dots wide in both directions.
Glyph letter(u64 dots) {
  Glyph glyph{};
  for (unsigned row = 0; row < 7; ++row) {
    const unsigned five = dots >> (5 * (6 - row)) & 31;
    glyph[1 + 2 * row] = glyph[2 + 2 * row] = static_cast<u8>(five << 2 | five << 1);
  }
  return glyph;
}

Glyph box(std::string_view arms) {
  constexpr unsigned middle = 7;
  const auto count = [&](unsigned n) { return static_cast<unsigned>(arms[n] - '0'); };
  const unsigned up = count(0), down = count(1), left = count(2), right = count(3);
  const unsigned across = std::max(left, right), along = std::max(up, down);
  Glyph glyph{};
  const auto columns = [](unsigned number) -> u8 { return number == 2 ? 0x24 : number == 1 ? 0x18 : 0; };
  // Each arm goes as far as the lines that it meets: the outer ones, for corners without gaps.
  const unsigned reach = across == 2 ? 2 : 0;
  for (unsigned row = 0; row < glyph.size(); ++row) {
    if (up && row <= middle + reach) glyph[row] |= columns(up);
    if (down && row + reach >= middle) glyph[row] |= columns(down);
  }
  const u8 to_left = along == 2 ? 0xfc : 0xf8, to_right = along == 2 ? 0x3f : 0x1f;
  for (const unsigned row : {middle - 2, middle, middle + 2}) {
    const bool double_row = row != middle;
    if (left && (left == 2) == double_row) glyph[row] |= to_left;
    if (right && (right == 2) == double_row) glyph[row] |= to_right;
  }
  return glyph;
}

Glyph filled(unsigned first, unsigned last, u8 even, u8 odd) {
  Glyph glyph{};
  for (unsigned row = first; row < last; ++row) glyph[row] = row & 1 ? odd : even;
  return glyph;
}

Glyph sign(u8 code) {
  switch (code) {
    case 0x00:
    case 0xff: return {};
    case 0x07:
    case 0xf9: return filled(6, 10, 0x18, 0x18);
    case 0xfa: return filled(7, 9, 0x18, 0x18);
    case 0x10:
    case 0x1a: return {0, 0, 0, 0x20, 0x30, 0x38, 0xfc, 0xfe, 0xfc, 0x38, 0x30, 0x20};
    case 0x11:
    case 0x1b: return {0, 0, 0, 0x08, 0x18, 0x38, 0x7e, 0xfe, 0x7e, 0x38, 0x18, 0x08};
    case 0x18:
    case 0x1e: return {0, 0, 0x10, 0x38, 0x7c, 0xfe, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38};
    case 0x19:
    case 0x1f: return {0, 0, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0xfe, 0x7c, 0x38, 0x10};
    case 0xb0: return filled(0, 16, 0x22, 0x88);
    case 0xb1: return filled(0, 16, 0x55, 0xaa);
    case 0xb2: return filled(0, 16, 0xdd, 0x77);
    case 0xdb: return filled(0, 16, 0xff, 0xff);
    case 0xdc: return filled(8, 16, 0xff, 0xff);
    case 0xdd: return filled(0, 16, 0xf0, 0xf0);
    case 0xde: return filled(0, 16, 0x0f, 0x0f);
    case 0xdf: return filled(0, 8, 0xff, 0xff);
    case 0xfe: return filled(4, 12, 0x7e, 0x7e);
    default: {
      // A frame: there is no glyph.
      Glyph frame = filled(2, 14, 0x42, 0x42);
      frame[2] = frame[13] = 0x7e;
      return frame;
    }
  }
}

}  // namespace

Glyph glyph_of(u8 code) {
  if (code >= 0x20 && code < 0x7f) return letter(letters[code - 0x20]);
  if (code >= first_line && code <= last_line) return box(lines.substr(5 * (code - first_line), 4));
  return sign(code);
}

}  // namespace ringside
