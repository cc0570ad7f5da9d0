// Owns the texture with the letters' dots.
#include "frontend/sdl/sdl_letters.h"

#include <vector>

#include "devices/vga/font.h"

namespace ringside {
namespace {

constexpr int across = 16;  // letters beside each other in the texture
constexpr Uint32 dot_on = 0xffffffff, dot_off = 0x00ffffff;

}  // namespace

bool SdlLetters::make(SDL_Renderer* renderer) {
  forget();
  renderer_ = renderer;
  constexpr int columns = across * width, rows = 256 / across * height;
  std::vector<Uint32> dots(static_cast<std::size_t>(columns * rows), dot_off);
  for (int code = 0; code < 256; ++code) {
    const Glyph glyph = glyph_of(static_cast<u8>(code));
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const auto at =
            static_cast<std::size_t>((code / across * height + y) * columns + code % across * width + x);
        if (glyph[static_cast<std::size_t>(y)] >> (7 - x) & 1) dots[at] = dot_on;
      }
    }
  }
  SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "nearest");
  texture_ = SDL_CreateTexture(renderer, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STATIC, columns, rows);
  if (texture_ == nullptr) return false;
  SDL_UpdateTexture(texture_, nullptr, dots.data(), columns * static_cast<int>(sizeof(Uint32)));
  SDL_SetTextureBlendMode(texture_, SDL_BLENDMODE_BLEND);
  return true;
}

void SdlLetters::forget() {
  if (texture_ != nullptr) SDL_DestroyTexture(texture_);
  texture_ = nullptr;
}

void SdlLetters::draw(std::string_view text, int x, int y, int scale, SDL_Color color) const {
  SDL_SetTextureColorMod(texture_, color.r, color.g, color.b);
  for (const char letter : text) {
    const int code = static_cast<unsigned char>(letter);
    const SDL_Rect from{code % across * width, code / across * height, width, height};
    const SDL_Rect to{x, y, width * scale, height * scale};
    SDL_RenderCopy(renderer_, texture_, &from, &to);
    x += width * scale;
  }
}

}  // namespace ringside
