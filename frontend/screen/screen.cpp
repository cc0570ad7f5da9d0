// Owns what a machine's screen shows, and its picture as a file.
#include "frontend/screen/screen.h"

#include <fmt/format.h>
#include <png.h>

#include "devices/vga/vga.h"

namespace ringside {

Picture screen_picture(Machine& machine) {
  const Vga* const vga = machine.screen();
  if (vga == nullptr) return {};
  return picture_of(vga->state(), vga->video_memory(), blink_at(vga->frames()));
}

std::vector<std::string> screen_lines(Machine& machine) {
  const Vga* const vga = machine.screen();
  if (vga == nullptr) return {};
  return text_of(vga->state(), vga->video_memory());
}

std::string screen_mode(Machine& machine) {
  const Vga* const vga = machine.screen();
  if (vga == nullptr) return {};
  const VgaState& state = vga->state();
  if (state.blank()) return "blank";
  const auto& dispi = state.dispi.values;
  if (state.dispi.enabled())
    return fmt::format("{}x{}, {} bits", dispi[Dispi::width], dispi[Dispi::height], dispi[Dispi::depth]);
  const unsigned twice = state.crtc[9] & 0x80 ? 2 : 1;
  if (state.text())
    return fmt::format("text, {}x{}", state.columns(), state.lines() / (state.row_height() * twice));
  return fmt::format("{}x{}, {}", state.columns() * 8, state.lines(),
                     state.graphics[5] & 0x40 ? "256 colours" : "16 colours");
}

std::string png_of(const Picture& picture) {
  if (picture.dots.empty()) return {};
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = picture.width;
  image.height = picture.height;
  image.format = PNG_FORMAT_RGB;
  std::string rgb;
  rgb.reserve(picture.dots.size() * 3);
  for (const u32 dot : picture.dots) {
    for (const unsigned shift : {16u, 8u, 0u}) rgb += static_cast<char>(dot >> shift);
  }
  png_alloc_size_t size = 0;
  if (!png_image_write_to_memory(&image, nullptr, &size, 0, rgb.data(), 0, nullptr)) return {};
  std::string file(size, '\0');
  if (!png_image_write_to_memory(&image, file.data(), &size, 0, rgb.data(), 0, nullptr)) return {};
  file.resize(size);
  return file;
}

}  // namespace ringside
