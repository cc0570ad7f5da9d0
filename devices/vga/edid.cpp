// Owns the making of an EDID.
#include "devices/vga/edid.h"

#include <numeric>
#include <string_view>

namespace ringside {
namespace {

using Block = std::array<u8, 128>;

void put(Block& block, std::size_t at, std::initializer_list<unsigned> bytes) {
  for (const unsigned byte : bytes) block[at++] = static_cast<u8>(byte);
}

// 18 bytes; blanking as by reduced timings: short, and the same for every size.
void put_timing(Block& block, std::size_t at, unsigned width, unsigned height) {
  constexpr unsigned h_blank = 160, v_blank = 40, h_front = 48, h_sync = 32, v_front = 3, v_sync = 6;
  const unsigned clock = (width + h_blank) * (height + v_blank) * 60 / 10000;  // of 10 kHz
  const unsigned mm_across = width * 254 / 960, mm_down = height * 254 / 960;
  put(block, at,
      {clock & 0xff, clock >> 8, width & 0xff, h_blank & 0xff, (width >> 8) << 4 | h_blank >> 8,
       height & 0xff, v_blank & 0xff, (height >> 8) << 4 | v_blank >> 8, h_front, h_sync,
       v_front << 4 | v_sync, 0, mm_across & 0xff, mm_down & 0xff, (mm_across >> 8) << 4 | mm_down >> 8, 0, 0,
       0x18});
}

void put_text(Block& block, std::size_t at, unsigned kind, std::string_view text) {
  put(block, at, {0, 0, 0, kind, 0});
  for (std::size_t n = 0; n < 13; ++n) {
    const char letter = n < text.size() ? text[n] : n == text.size() ? '\n' : ' ';
    block[at + 5 + n] = static_cast<u8>(letter);
  }
}

}  // namespace

std::array<u8, 128> make_edid(unsigned width, unsigned height) {
  Block block{};
  put(block, 0, {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00});
  // Three letters of five bits, A being 1: RSD; then product, serial number, and the year of making.
  constexpr unsigned maker = ('R' - '@') << 10 | ('S' - '@') << 5 | ('D' - '@');
  put(block, 8, {maker >> 8, maker & 0xff, 0x01, 0x00, 0x01, 0, 0, 0, 1, 2026 - 1990, 1, 4});
  // Digital, 8 bits a colour; size in cm; gamma 2.2; RGB, preferred timing first.
  put(block, 20, {0xa5, width * 254 / 9600, height * 254 / 9600, 120, 0x06});
  // sRGB's primaries and white.
  put(block, 25, {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54});
  put(block, 35, {0x21, 0x08, 0x00});  // 640x480, 800x600, 1024x768 at 60 Hz
  // 1920x1080, 1600x1200, 1280x1024, 1280x800, all at 60 Hz: width / 8 - 31, then the aspect.
  put(block, 38, {0xd1, 0xc0, 0xa9, 0x40, 0x81, 0x80, 0x81, 0x00, 1, 1, 1, 1, 1, 1, 1, 1});
  put_timing(block, 54, width, height);
  // 50 to 125 Hz down, 30 to 160 kHz across, 2550 MHz at most.
  put(block, 72, {0, 0, 0, 0xfd, 0, 50, 125, 30, 160, 255, 0, 0x0a, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20});
  put_text(block, 90, 0xfc, "Ringside");
  put_text(block, 108, 0xfe, "emulated");
  block[127] = static_cast<u8>(-std::accumulate(block.begin(), block.end() - 1, 0u));
  return block;
}

}  // namespace ringside
