// Owns the mouse as Dear ImGui is to see it: what is pressed and let go between two frames is told one by
// one.
#pragma once

#include <array>
#include <deque>

#include <SDL.h>
#include <imgui.h>

namespace ringside {

// Versions before 1.87 look at the mouse once a frame, and miss a click that came with the movement before
// it.
class MouseQueue {
 public:
  void take(const SDL_Event& event);
  bool waiting() const { return !moves_.empty(); }
  // Between the back end's and Dear ImGui's beginning of a frame.
  void tell(ImGuiIO& io) { tell_to(io); }

 private:
  struct Move {
    ImVec2 at;
    int button = -1;  // of ImGuiMouseButton; -1: none has changed
    bool down = false;
  };

  void step();
  // Newer versions have a queue of their own.
  template <class Io>
  void tell_to(Io& io) {
    if constexpr (requires { io.AddMousePosEvent(0.0F, 0.0F); }) {
      moves_.clear();
    } else {
      step();
      io.MousePos = at_;
      for (std::size_t n = 0; n < down_.size(); ++n) io.MouseDown[n] = down_[n];
    }
  }

  std::deque<Move> moves_;
  ImVec2 at_{-1, -1};
  std::array<bool, 3> down_{};
};

}  // namespace ringside
