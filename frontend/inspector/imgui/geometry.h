// Owns the drawing of Dear ImGui's lists by SDL's renderer, whichever that is: Debian's Dear ImGui brings no
// back end for it.
#pragma once

#include <vector>

#include <SDL.h>
#include <imgui.h>

namespace ringside {

class Geometry {
 public:
  // `renderer` outlives it. The texture of the fonts is made anew: call it once they are loaded.
  explicit Geometry(SDL_Renderer* renderer);
  ~Geometry();
  Geometry(const Geometry&) = delete;
  Geometry& operator=(const Geometry&) = delete;

  // Leaves the renderer's clip, viewport and blend mode as they were.
  void draw(const ImDrawData& data);

 private:
  void draw_list(const ImDrawList& list, const ImDrawData& data);

  SDL_Renderer* renderer_;
  SDL_Texture* fonts_ = nullptr;
  std::vector<ImDrawVert> scaled_;  // where dots are smaller than units
};

}  // namespace ringside
