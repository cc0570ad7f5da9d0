// Owns the letters that the window draws itself.
#pragma once

#include <SDL.h>

#include <string_view>

namespace ringside {

// Of the graphics card's own font, each `width` x `height` dots.
class SdlLetters {
 public:
  static constexpr int width = 8, height = 16;

  ~SdlLetters() { forget(); }
  // False: there is no texture for them.
  bool make(SDL_Renderer* renderer);
  void forget();

  // ASCII, from its upper left corner, `scale` times as large; of the other letters a frame is shown.
  void draw(std::string_view text, int x, int y, int scale, SDL_Color color) const;

 private:
  SDL_Renderer* renderer_ = nullptr;
  SDL_Texture* texture_ = nullptr;
};

}  // namespace ringside
