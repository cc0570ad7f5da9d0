// Owns the order in which the mouse's events reach Dear ImGui.
#include "frontend/inspector/imgui/mouse_queue.h"

namespace ringside {
namespace {

ImVec2 point(int x, int y) { return {static_cast<float>(x), static_cast<float>(y)}; }

int button_of(int number) {
  switch (number) {
    case SDL_BUTTON_LEFT: return ImGuiMouseButton_Left;
    case SDL_BUTTON_RIGHT: return ImGuiMouseButton_Right;
    case SDL_BUTTON_MIDDLE: return ImGuiMouseButton_Middle;
    default: return -1;
  }
}

}  // namespace

void MouseQueue::take(const SDL_Event& event) {
  switch (event.type) {
    case SDL_MOUSEMOTION: moves_.push_back({point(event.motion.x, event.motion.y)}); return;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
      moves_.push_back({point(event.button.x, event.button.y)});
      moves_.push_back({moves_.back().at, button_of(event.button.button), event.type == SDL_MOUSEBUTTONDOWN});
      return;
    case SDL_WINDOWEVENT:
      if (event.window.event == SDL_WINDOWEVENT_LEAVE) moves_.push_back({point(-1, -1)});
      return;
    default: return;
  }
}

// As many movements as there are, or one change of a button, at a place where the mouse was before.
void MouseQueue::step() {
  bool moved = false;
  while (!moves_.empty()) {
    const Move& move = moves_.front();
    if (move.button >= 0 && moved) return;
    moved |= move.at.x != at_.x || move.at.y != at_.y;
    at_ = move.at;
    if (move.button >= 0) down_[static_cast<std::size_t>(move.button)] = move.down;
    const bool changed = move.button >= 0;
    moves_.pop_front();
    if (changed) return;
  }
}

}  // namespace ringside
