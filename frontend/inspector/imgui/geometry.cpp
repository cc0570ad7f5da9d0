// Owns the way from Dear ImGui's vertices to SDL_RenderGeometryRaw.
#include "frontend/inspector/imgui/geometry.h"

#include <algorithm>

namespace ringside {

Geometry::Geometry(SDL_Renderer* renderer) : renderer_(renderer) {
  unsigned char* dots = nullptr;
  int across = 0, down = 0;
  ImGui::GetIO().Fonts->GetTexDataAsRGBA32(&dots, &across, &down);
  fonts_ = SDL_CreateTexture(renderer_, SDL_PIXELFORMAT_ABGR8888, SDL_TEXTUREACCESS_STATIC, across, down);
  if (fonts_ == nullptr) return;
  SDL_UpdateTexture(fonts_, nullptr, dots, across * 4);
  SDL_SetTextureBlendMode(fonts_, SDL_BLENDMODE_BLEND);
  SDL_SetTextureScaleMode(fonts_, SDL_ScaleModeNearest);
  ImGui::GetIO().Fonts->SetTexID(static_cast<ImTextureID>(fonts_));
}

Geometry::~Geometry() {
  if (fonts_ != nullptr) SDL_DestroyTexture(fonts_);
}

void Geometry::draw(const ImDrawData& data) {
  SDL_Rect viewport{}, clip{};
  SDL_RenderGetViewport(renderer_, &viewport);
  SDL_RenderGetClipRect(renderer_, &clip);
  const bool clipped = SDL_RenderIsClipEnabled(renderer_) == SDL_TRUE;
  SDL_RenderSetViewport(renderer_, nullptr);
  for (int n = 0; n < data.CmdListsCount; ++n) draw_list(*data.CmdLists[n], data);
  SDL_RenderSetViewport(renderer_, &viewport);
  SDL_RenderSetClipRect(renderer_, clipped ? &clip : nullptr);
}

void Geometry::draw_list(const ImDrawList& list, const ImDrawData& data) {
  const ImVec2 scale = data.FramebufferScale, origin = data.DisplayPos;
  const ImDrawVert* vertices = list.VtxBuffer.Data;
  if (scale.x != 1 || scale.y != 1 || origin.x != 0 || origin.y != 0) {
    scaled_.assign(vertices, vertices + list.VtxBuffer.Size);
    for (ImDrawVert& one : scaled_)
      one.pos = ImVec2((one.pos.x - origin.x) * scale.x, (one.pos.y - origin.y) * scale.y);
    vertices = scaled_.data();
  }
  const int count = list.VtxBuffer.Size;
  for (const ImDrawCmd& command : list.CmdBuffer) {
    if (command.UserCallback != nullptr) continue;  // nobody here sets one
    const int left = std::max(0, static_cast<int>((command.ClipRect.x - origin.x) * scale.x)),
              top = std::max(0, static_cast<int>((command.ClipRect.y - origin.y) * scale.y)),
              right = static_cast<int>((command.ClipRect.z - origin.x) * scale.x),
              bottom = static_cast<int>((command.ClipRect.w - origin.y) * scale.y);
    if (right <= left || bottom <= top) continue;
    const SDL_Rect clip{left, top, right - left, bottom - top};
    SDL_RenderSetClipRect(renderer_, &clip);
    const ImDrawVert* const first = vertices + command.VtxOffset;
    // The colour is four bytes in the order of SDL's structure.
    SDL_RenderGeometryRaw(renderer_, static_cast<SDL_Texture*>(command.GetTexID()), &first->pos.x,
                          sizeof *first, reinterpret_cast<const SDL_Color*>(&first->col), sizeof *first,
                          &first->uv.x, sizeof *first, count - static_cast<int>(command.VtxOffset),
                          list.IdxBuffer.Data + command.IdxOffset, static_cast<int>(command.ElemCount),
                          sizeof(ImDrawIdx));
  }
}

}  // namespace ringside
