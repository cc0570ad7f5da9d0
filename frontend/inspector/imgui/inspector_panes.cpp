// Owns the inspector's life in the window: its Dear ImGui context, SDL's events, and when it is drawn.
#include "frontend/inspector/imgui/inspector_panes.h"

#include <SDL.h>
#include <imgui.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include RINGSIDE_IMGUI_SDL
#include "frontend/inspector/imgui/appearance.h"
#include "frontend/inspector/imgui/desk.h"
#include "frontend/inspector/imgui/geometry.h"
#include "frontend/inspector/imgui/mouse_queue.h"

namespace ringside {
namespace {

// Newer versions want the renderer, too.
template <class Window, class Renderer>
void start_events(Window* window, Renderer* renderer) {
  if constexpr (requires { ImGui_ImplSDL2_InitForSDLRenderer(window, renderer); })
    ImGui_ImplSDL2_InitForSDLRenderer(window, renderer);
  else
    ImGui_ImplSDL2_InitForSDLRenderer(window);
}

class Inspector final : public Panes {
 public:
  Inspector(std::shared_ptr<Exchange> exchange, bool open)
      : exchange_(std::move(exchange)), desk_(exchange_) {
    set_open(open);
  }

  void attach(SDL_Window* window, SDL_Renderer* renderer) override {
    context_ = ImGui::CreateContext();
    ImGui::SetCurrentContext(context_);
    ImGui::GetIO().IniFilename = nullptr;  // nothing is left behind on the disk
    int across = 1, dots = 1, down = 0;
    SDL_GetWindowSize(window, &across, &down);
    SDL_GetRendererOutputSize(renderer, &dots, &down);
    scale_ = std::max(1.0F, static_cast<float>(dots) / static_cast<float>(std::max(across, 1)));
    set_appearance(scale_);
    start_events(window, renderer);
    geometry_.emplace(renderer);
  }

  void detach() override {
    if (!context_) return;
    ImGui::SetCurrentContext(context_);
    geometry_.reset();
    ImGui_ImplSDL2_Shutdown();
    ImGui::DestroyContext(context_);
    context_ = nullptr;
    exchange_->set_open(false);
  }

  void set_open(bool open) override {
    open_ = open;
    exchange_->set_open(open);
    frames_ = settling;
  }
  bool open() const override { return open_; }

  bool take(const SDL_Event& event) override {
    if (!context_) return false;
    ImGui::SetCurrentContext(context_);
    frames_ = settling;
    const bool keyboard = event.type == SDL_KEYDOWN || event.type == SDL_KEYUP || event.type == SDL_TEXTINPUT;
    if (keyboard)
      keys_.push_back(event);
    else
      ImGui_ImplSDL2_ProcessEvent(&event);
    mouse_.take(event);
    const ImGuiIO& io = ImGui::GetIO();
    switch (event.type) {
      case SDL_KEYDOWN: return key(event.key) || io.WantTextInput;
      case SDL_KEYUP:
      case SDL_TEXTINPUT: return io.WantTextInput;
      case SDL_MOUSEMOTION: return over(event.motion.x, event.motion.y) || ImGui::IsAnyMouseDown();
      case SDL_MOUSEBUTTONDOWN:
        if (over(event.button.x, event.button.y)) return true;
        ImGui::SetWindowFocus(nullptr);  // the guest's picture was clicked: keys go to the guest again
        return false;
      case SDL_MOUSEBUTTONUP: return over(event.button.x, event.button.y) || io.WantCaptureMouse;
      case SDL_MOUSEWHEEL: return over_now();
      default: return false;
    }
  }

  bool wants_drawing() override {
    if (!context_ || !open_) return false;
    if (exchange_->version() != drawn_) frames_ = std::max(frames_, 2);
    // The cursor in a field blinks.
    if (frames_ == 0 && ImGui::GetIO().WantTextInput && SDL_GetTicks() - drawn_at_ > 250) return true;
    return frames_ > 0 || mouse_.waiting() || !keys_.empty();
  }

  int usual_width() const override { return static_cast<int>(1200 * scale_); }
  int usual_height() const override { return static_cast<int>(860 * scale_); }
  int width_in(int across, int down) const override {
    static_cast<void>(down);
    // The guest's text mode in its own size, where there is room for both.
    const int guest = static_cast<int>(720 * scale_), enough = static_cast<int>(800 * scale_),
              least = static_cast<int>(640 * scale_);
    if (across - guest >= enough) return across - guest;
    return std::min(across, std::max(least, across * 5 / 8));
  }

  void draw(SDL_Renderer*, const SDL_Rect& place) override {
    if (!context_ || !geometry_) return;
    ImGui::SetCurrentContext(context_);
    drawn_ = exchange_->version();
    drawn_at_ = SDL_GetTicks();
    frames_ = std::max(0, frames_ - 1);
    feed_keys();
    ImGui_ImplSDL2_NewFrame();
    mouse_.tell(ImGui::GetIO());
    ImGui::NewFrame();
    const ImVec2 dots = ImGui::GetIO().DisplayFramebufferScale;
    const auto unit = [](int length, float scale) {
      return static_cast<float>(length) / std::max(scale, 0.1F);
    };
    at_ = ImVec2(unit(place.x, dots.x), unit(place.y, dots.y));
    size_ = ImVec2(unit(place.w, dots.x), unit(place.h, dots.y));
    desk_.draw(at_, size_);
    ImGui::Render();
    geometry_->draw(*ImGui::GetDrawData());
  }

 private:
  static constexpr int settling = 3;  // frames until what an event changes is where it stays

  bool over(int x, int y) const {
    const float across = static_cast<float>(x), down = static_cast<float>(y);
    return across >= at_.x && across < at_.x + size_.x && down >= at_.y && down < at_.y + size_.y;
  }
  static bool over_point(const ImVec2& point, const ImVec2& at, const ImVec2& size) {
    return point.x >= at.x && point.x < at.x + size.x && point.y >= at.y && point.y < at.y + size.y;
  }
  bool over_now() const { return over_point(ImGui::GetIO().MousePos, at_, size_); }

  // A key that is pressed and let go between two frames is told in two: Dear ImGui looks at keys once a
  // frame.
  void feed_keys() {
    std::vector<SDL_Scancode> pressed;
    for (; !keys_.empty(); keys_.pop_front()) {
      const SDL_Event& event = keys_.front();
      const SDL_Scancode code =
          event.type == SDL_TEXTINPUT ? SDL_SCANCODE_UNKNOWN : event.key.keysym.scancode;
      if (event.type == SDL_KEYUP && std::find(pressed.begin(), pressed.end(), code) != pressed.end()) return;
      if (event.type == SDL_KEYDOWN) pressed.push_back(code);
      ImGui_ImplSDL2_ProcessEvent(&event);
    }
  }

  // Function keys and copying: they mean the same whichever field is typed in.
  bool key(const SDL_KeyboardEvent& event) {
    const auto mods = static_cast<unsigned>(event.keysym.mod);
    const bool shift = mods & KMOD_SHIFT, control = mods & KMOD_CTRL;
    const SDL_Keycode code = event.keysym.sym;
    if (mods & KMOD_ALT) return false;
    if (code >= SDLK_F1 && code <= SDLK_F12)
      return desk_.key(static_cast<unsigned>(code - SDLK_F1) + 1, shift, control);
    const bool copies = control && (code == SDLK_c || code == SDLK_a) && !ImGui::GetIO().WantTextInput &&
                        ImGui::IsWindowFocused(ImGuiFocusedFlags_AnyWindow);
    if (copies) desk_.copy(code == SDLK_a);
    return copies;
  }

  std::shared_ptr<Exchange> exchange_;
  Desk desk_;
  ImGuiContext* context_ = nullptr;
  std::optional<Geometry> geometry_;
  MouseQueue mouse_;
  std::deque<SDL_Event> keys_;
  ImVec2 at_, size_;
  float scale_ = 1;
  bool open_ = false;
  int frames_ = settling;
  u64 drawn_ = 0;
  Uint32 drawn_at_ = 0;
};

}  // namespace

std::unique_ptr<Panes> make_inspector(std::shared_ptr<Exchange> exchange, bool open, std::string&) {
  return std::make_unique<Inspector>(std::move(exchange), open);
}

}  // namespace ringside
