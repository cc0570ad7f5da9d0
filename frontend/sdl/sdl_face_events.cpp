// Owns what becomes of keys, mouse and the desktop's wishes: input for the guest, requests to the program, or
// something that the window does by itself.
#include <algorithm>

#include "frontend/screen/keys.h"
#include "frontend/sdl/sdl_face.h"
#include "frontend/sdl/sdl_scancodes.h"

namespace ringside {
namespace {

// Ctrl and Alt at once, and on layouts where the right Alt is AltGr only the left one.
bool with_ctrl_alt(const SDL_KeyboardEvent& event) {
  return (event.keysym.mod & KMOD_CTRL) != 0 && (event.keysym.mod & KMOD_LALT) != 0;
}

}  // namespace

void SdlFace::take(const SDL_Event& event) {
  if (event.type == SDL_QUIT) return mail_.put(Window::Request::close);
  if (event.type == SDL_RENDER_DEVICE_RESET || event.type == SDL_RENDER_TARGETS_RESET) {
    letters_.make(renderer_);
    make_texture();
    stale_ = true;
    return;
  }
  if (event.type == SDL_KEYDOWN && own_key(event.key)) return;
  if (panes_open() && !grabbed_ && panes_->take(event)) {
    stale_ = true;
    return;
  }
  switch (event.type) {
    case SDL_WINDOWEVENT: return window_event(event.window);
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

void SdlFace::window_event(const SDL_WindowEvent& event) {
  stale_ = true;
  if (event.event == SDL_WINDOWEVENT_FOCUS_LOST) release_keys();
}

void SdlFace::mouse(int right, int up, int wheel) { mail_.put(MouseMove{right, up, wheel, buttons_}); }

void SdlFace::button(const SDL_MouseButtonEvent& event) {
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

void SdlFace::key(const SDL_KeyboardEvent& event) {
  const bool down = event.state == SDL_PRESSED;
  if (event.repeat != 0) return;  // the guest's keyboard repeats by itself
  if (event.keysym.scancode == SDL_SCANCODE_PAUSE) {
    if (down) mail_.put(PauseKey{});
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
  mail_.put(*stroke);
}

// Somebody else has the keyboard: no key stays down for the guest.
void SdlFace::release_keys() {
  for (KeyStroke& key : held_) {
    key.down = false;
    mail_.put(key);
  }
  held_.clear();
}

// True: the key is the window's. Letters are those that the layout writes on the keys.
bool SdlFace::own_key(const SDL_KeyboardEvent& event) {
  const SDL_Keycode key = event.keysym.sym;
  std::optional<WindowAct> what;
  if (with_ctrl_alt(event) && key >= SDLK_a && key <= SDLK_z) {
    what = window_act(static_cast<char>(key));
  } else if (!grabbed_ && key >= SDLK_F1 && key <= SDLK_F12 &&
             (event.keysym.mod & (KMOD_CTRL | KMOD_ALT | KMOD_SHIFT | KMOD_GUI)) == 0) {
    what = window_act_of_function_key(static_cast<unsigned>(key - SDLK_F1) + 1);
  } else if (help_ && key == SDLK_ESCAPE) {
    what = WindowAct::help;
  }
  if (!what) return false;
  if (event.repeat == 0) act(*what);
  return true;
}

void SdlFace::act(WindowAct what) {
  release_keys();
  stale_ = true;
  switch (what) {
    case WindowAct::help: help_ = !help_; return;
    case WindowAct::inspector:
      if (panes_ == nullptr) return note(no_panes_);
      panes_->set_open(!panes_->open());
      return fit();
    case WindowAct::grab: return grab(!grabbed_);
    case WindowAct::full_screen:
      full_screen_ = !full_screen_;
      SDL_SetWindowFullscreen(window_, full_screen_ ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
      if (full_screen_) note("Ctrl-Alt-F leaves full screen, Ctrl-Alt-H shows the keys");
      return;
    case WindowAct::zoom:
      zoom_ = zoom_ % 4 + 1;
      // A size of its user's own is given up.
      SDL_GetWindowSize(window_, &fitted_.x, &fitted_.y);
      return fit();
    case WindowAct::smooth:
      smooth_ = !smooth_;
      make_texture();
      return note(smooth_ ? "smooth scaling" : "crisp scaling");
    case WindowAct::pause: return mail_.put(Window::Request::pause);
    case WindowAct::full_speed: return mail_.put(Window::Request::full_speed);
    case WindowAct::screenshot: return mail_.put(Window::Request::screenshot);
    case WindowAct::paste: return paste();
    case WindowAct::quit: return mail_.put(Window::Request::quit);
  }
}

void SdlFace::grab(bool on) {
  grabbed_ = on;
  stale_ = true;
  SDL_SetRelativeMouseMode(on ? SDL_TRUE : SDL_FALSE);
  SDL_SetWindowKeyboardGrab(window_, on ? SDL_TRUE : SDL_FALSE);
  if (!on && buttons_ != 0) {
    buttons_ = 0;
    mouse(0, 0, 0);
  }
}

// As far as a US keyboard can type it.
void SdlFace::paste() {
  char* const text = SDL_GetClipboardText();
  for (const char* letter = text; letter != nullptr && *letter != 0; ++letter) {
    std::string error, one(1, *letter);
    if (one == "<" || one == "\\") one.insert(0, 1, '\\');
    const auto steps = parse_typed(one, error);
    if (!steps) continue;
    for (const TypedStep& step : *steps) mail_.put(std::get<KeyStroke>(step));
  }
  SDL_free(text);
}

}  // namespace ringside
