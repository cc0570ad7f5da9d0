// Owns the window by SDL2.
#include <SDL.h>
#include <fmt/format.h>

#include <algorithm>

#include "frontend/screen/keys.h"
#include "frontend/sdl/sdl_scancodes.h"
#include "frontend/sdl/window.h"

namespace ringside {
namespace {

class SdlWindow final : public Window {
 public:
  ~SdlWindow() override {
    if (texture_ != nullptr) SDL_DestroyTexture(texture_);
    if (renderer_ != nullptr) SDL_DestroyRenderer(renderer_);
    if (window_ != nullptr) SDL_DestroyWindow(window_);
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
  }

  bool make() {
    window_ = SDL_CreateWindow("Ringside", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, 720, 400,
                               SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (window_ == nullptr) return false;
    renderer_ = SDL_CreateRenderer(window_, -1, 0);
    if (renderer_ == nullptr) renderer_ = SDL_CreateRenderer(window_, -1, SDL_RENDERER_SOFTWARE);
    return renderer_ != nullptr;
  }

  void show(const Picture& picture) override {
    if (picture.dots.empty()) return;
    if (picture.width != width_ || picture.height != height_) resize(picture);
    if (texture_ == nullptr) return;
    SDL_UpdateTexture(texture_, nullptr, picture.dots.data(), static_cast<int>(picture.width * sizeof(u32)));
    present();
  }

  void title(const std::string& text) override { SDL_SetWindowTitle(window_, text.c_str()); }
  bool grabbed() const override { return grabbed_; }

  void poll() override {
    SDL_Event event;
    while (SDL_PollEvent(&event)) take(event);
  }

 private:
  void resize(const Picture& picture) {
    width_ = picture.width;
    height_ = picture.height;
    make_texture();
    if (!full_screen_) fit();
  }
  void make_texture() {
    if (texture_ != nullptr) SDL_DestroyTexture(texture_);
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, smooth_ ? "linear" : "nearest");
    texture_ = SDL_CreateTexture(renderer_, SDL_PIXELFORMAT_XRGB8888, SDL_TEXTUREACCESS_STREAMING,
                                 static_cast<int>(width_), static_cast<int>(height_));
  }
  void fit() {
    SDL_SetWindowSize(window_, static_cast<int>(width_ * zoom_), static_cast<int>(height_ * zoom_));
  }

  // In dots of the screen, whatever the desktop counts in. Crisp: whole numbers, unless the window is too
  // small.
  void present() {
    int across = 0, down = 0;
    SDL_GetRendererOutputSize(renderer_, &across, &down);
    double scale = std::min(static_cast<double>(across) / width_, static_cast<double>(down) / height_);
    if (!smooth_ && scale >= 1) scale = static_cast<int>(scale);
    const int w = static_cast<int>(width_ * scale), h = static_cast<int>(height_ * scale);
    const SDL_Rect place{(across - w) / 2, (down - h) / 2, w, h};
    SDL_SetRenderDrawColor(renderer_, 24, 24, 28, 255);
    SDL_RenderClear(renderer_);
    SDL_RenderCopy(renderer_, texture_, nullptr, &place);
    SDL_RenderPresent(renderer_);
  }

  void grab(bool on) {
    grabbed_ = on;
    SDL_SetRelativeMouseMode(on ? SDL_TRUE : SDL_FALSE);
    SDL_SetWindowKeyboardGrab(window_, on ? SDL_TRUE : SDL_FALSE);
  }

  void take(const SDL_Event& event) {
    switch (event.type) {
      case SDL_QUIT: requests.push_back(Request::close); return;
      case SDL_WINDOWEVENT:
        if (event.window.event == SDL_WINDOWEVENT_FOCUS_LOST) release_keys();
        if (event.window.event == SDL_WINDOWEVENT_EXPOSED && texture_ != nullptr) present();
        return;
      case SDL_KEYDOWN:
      case SDL_KEYUP: return key(event.key);
      case SDL_MOUSEMOTION:
        if (grabbed_) mouse(event.motion.xrel, -event.motion.yrel, 0);
        return;
      case SDL_MOUSEBUTTONDOWN:
      case SDL_MOUSEBUTTONUP: return button(event.button);
      case SDL_MOUSEWHEEL:
        if (grabbed_) mouse(0, 0, -event.wheel.y);
        return;
      default: return;
    }
  }

  void mouse(int right, int up, int wheel) { input.emplace_back(MouseMove{right, up, wheel, buttons_}); }

  void button(const SDL_MouseButtonEvent& event) {
    const bool down = event.state == SDL_PRESSED;
    if (!grabbed_) {
      if (down) grab(true);
      return;
    }
    const u8 bit = event.button == SDL_BUTTON_LEFT     ? 1
                   : event.button == SDL_BUTTON_RIGHT  ? 2
                   : event.button == SDL_BUTTON_MIDDLE ? 4
                                                       : 0;
    buttons_ = static_cast<u8>(down ? buttons_ | bit : buttons_ & ~bit);
    mouse(0, 0, 0);
  }

  void key(const SDL_KeyboardEvent& event) {
    const bool down = event.state == SDL_PRESSED;
    if (event.repeat != 0) return;  // the guest's keyboard repeats by itself
    const Uint16 both = KMOD_LCTRL | KMOD_LALT;
    if (down && (event.keysym.mod & both) == both && own_key(event.keysym.sym)) return;
    if (event.keysym.scancode == SDL_SCANCODE_PAUSE) {
      if (down) input.emplace_back(PauseKey{});
      return;
    }
    auto stroke = key_of_usage(event.keysym.scancode);
    if (!stroke) return;
    stroke->down = down;
    const auto held = std::find_if(held_.begin(), held_.end(), [&](const KeyStroke& k) {
      return k.code == stroke->code && k.extended == stroke->extended;
    });
    if (down && held == held_.end()) held_.push_back(*stroke);
    // The release of a key whose press was the window's is nobody's.
    if (!down) {
      if (held == held_.end()) return;
      held_.erase(held);
    }
    input.emplace_back(*stroke);
  }

  // Somebody else has the keyboard: no key stays down for the guest.
  void release_keys() {
    for (KeyStroke& key : held_) {
      key.down = false;
      input.emplace_back(key);
    }
    held_.clear();
  }

  bool own_key(SDL_Keycode key) {
    switch (key) {
      case SDLK_g: release_keys(), grab(!grabbed_); return true;
      case SDLK_f:
        release_keys();
        full_screen_ = !full_screen_;
        SDL_SetWindowFullscreen(window_, full_screen_ ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
        return true;
      case SDLK_z:
        release_keys();
        zoom_ = zoom_ % 4 + 1;
        fit();
        return true;
      case SDLK_t:
        release_keys();
        smooth_ = !smooth_;
        make_texture();
        return true;
      case SDLK_v: release_keys(), paste(); return true;
      case SDLK_p: release_keys(), requests.push_back(Request::pause); return true;
      case SDLK_u: release_keys(), requests.push_back(Request::full_speed); return true;
      case SDLK_s: release_keys(), requests.push_back(Request::screenshot); return true;
      case SDLK_q: release_keys(), requests.push_back(Request::quit); return true;
      default: return false;
    }
  }

  // As far as a US keyboard can type it.
  void paste() {
    char* const text = SDL_GetClipboardText();
    for (const char* letter = text; letter != nullptr && *letter != 0; ++letter) {
      std::string error, one(1, *letter);
      if (one == "<" || one == "\\") one.insert(0, 1, '\\');
      const auto steps = parse_typed(one, error);
      if (!steps) continue;
      for (const TypedStep& step : *steps) input.emplace_back(std::get<KeyStroke>(step));
    }
    SDL_free(text);
  }

  SDL_Window* window_ = nullptr;
  SDL_Renderer* renderer_ = nullptr;
  SDL_Texture* texture_ = nullptr;
  unsigned width_ = 0, height_ = 0, zoom_ = 1;
  bool grabbed_ = false, full_screen_ = false, smooth_ = false;
  u8 buttons_ = 0;
  std::vector<KeyStroke> held_;
};

}  // namespace

std::unique_ptr<Window> Window::open(std::string& error) {
  SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
  SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
  auto window = std::make_unique<SdlWindow>();
  if (SDL_InitSubSystem(SDL_INIT_VIDEO) == 0 && window->make()) return window;
  error = fmt::format("-display sdl: no window can be opened ({}); use -display none", SDL_GetError());
  return nullptr;
}

}  // namespace ringside
