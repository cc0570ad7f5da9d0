// Owns the window's life and size, and what reaches it from the machine's thread.
#include "frontend/sdl/sdl_face.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ringside {
namespace {

constexpr int first_width = 720, first_height = 400;  // text mode 3
constexpr unsigned tick_milliseconds = 8;

}  // namespace

SdlFace::~SdlFace() {
  if (attached_) panes_->detach();
  letters_.forget();
  if (texture_ != nullptr) SDL_DestroyTexture(texture_);
  if (renderer_ != nullptr) SDL_DestroyRenderer(renderer_);
  if (window_ != nullptr) SDL_DestroyWindow(window_);
  SDL_QuitSubSystem(SDL_INIT_VIDEO);
}

bool SdlFace::make(std::string& error) {
  SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
  SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
  SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
  if (SDL_InitSubSystem(SDL_INIT_VIDEO) == 0) {
    window_ = SDL_CreateWindow("Ringside", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, first_width,
                               first_height + bar_height(), SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (window_ != nullptr) renderer_ = SDL_CreateRenderer(window_, -1, 0);
    if (window_ != nullptr && renderer_ == nullptr)
      renderer_ = SDL_CreateRenderer(window_, -1, SDL_RENDERER_SOFTWARE);
  }
  if (renderer_ == nullptr || !letters_.make(renderer_)) {
    error = fmt::format("no window can be opened ({})", SDL_GetError());
    return false;
  }
  // Desktops that count in units larger than dots have chosen how large; of the others the screen's own word
  // is taken where it is believable.
  constexpr double usual = 96, most = 400;
  float inches = 0;
  letter_scale_ = std::max(1, static_cast<int>(std::lround(dots_per_unit())));
  if (SDL_GetDisplayDPI(SDL_GetWindowDisplayIndex(window_), nullptr, &inches, nullptr) == 0 && inches < most)
    letter_scale_ = std::max(letter_scale_, static_cast<int>(inches / usual));
  zoom_ = std::max(1, static_cast<int>(letter_scale_ / dots_per_unit()));
  if (panes_ != nullptr) {
    panes_->attach(window_, renderer_);
    attached_ = true;
  }
  SDL_GetWindowSize(window_, &fitted_.x, &fitted_.y);
  fit();
  return true;
}

void SdlFace::live() {
  while (!mail_.stopping()) {
    // SDL_WaitEventTimeout would wake itself by a connection of its own to the X server, which may say so
    // only when the window is gone: the X library ends the program then.
    SDL_Event event;
    bool some = false;
    for (; SDL_PollEvent(&event); some = true) take(event);
    if (!some) SDL_Delay(tick_milliseconds);
    if (!note_.empty() && SDL_GetTicks64() >= note_ends_) {
      note_.clear();
      stale_ = true;
    }
    const bool news = take_news();
    if (!std::exchange(stale_, false) && !news && !(panes_open() && panes_->wants_drawing())) continue;
    present();
  }
}

// True: there was some.
bool SdlFace::take_news() {
  bool news = false;
  if (const auto picture = copy_.draw()) {
    take_picture(*picture);
    news = true;
  }
  if (auto status = mail_.new_status(); status && *status != status_) {
    status_ = std::move(*status);
    news = true;
  }
  if (const auto text = mail_.new_note()) note(*text);
  if (const std::string title = window_title(status_, grabbed_); title != title_) {
    title_ = title;
    SDL_SetWindowTitle(window_, title.c_str());
  }
  return news;
}

void SdlFace::take_picture(const Picture& picture) {
  if (picture.dots.empty()) return;
  const bool resized = picture.width != picture_.width || picture.height != picture_.height;
  picture_ = picture;
  if (resized) {
    make_texture();
    fit();
  } else if (texture_ != nullptr) {
    SDL_UpdateTexture(texture_, nullptr, picture_.dots.data(),
                      static_cast<int>(picture_.width * sizeof(u32)));
  }
}

void SdlFace::make_texture() {
  if (texture_ != nullptr) SDL_DestroyTexture(texture_);
  texture_ = nullptr;
  if (picture_.dots.empty()) return;
  SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, smooth_ ? "linear" : "nearest");
  texture_ = SDL_CreateTexture(renderer_, SDL_PIXELFORMAT_XRGB8888, SDL_TEXTUREACCESS_STREAMING,
                               static_cast<int>(picture_.width), static_cast<int>(picture_.height));
  if (texture_ == nullptr) return;
  SDL_SetTextureBlendMode(texture_, SDL_BLENDMODE_NONE);
  SDL_UpdateTexture(texture_, nullptr, picture_.dots.data(), static_cast<int>(picture_.width * sizeof(u32)));
}

double SdlFace::dots_per_unit() const {
  int units = 0, dots = 0;
  SDL_GetWindowSize(window_, &units, nullptr);
  SDL_GetRendererOutputSize(renderer_, &dots, nullptr);
  return units > 0 && dots > 0 ? static_cast<double>(dots) / units : 1;
}

// The window as large as what it shows, if its size is not one that its user gave it.
void SdlFace::fit() {
  stale_ = true;
  int across = 0, down = 0;
  SDL_GetWindowSize(window_, &across, &down);
  const bool chosen = across != fitted_.x || down != fitted_.y;
  if (full_screen_ || chosen || (SDL_GetWindowFlags(window_) & SDL_WINDOW_MAXIMIZED) != 0) return;
  const double units = 1 / dots_per_unit();
  const int width = picture_.width == 0 ? first_width : static_cast<int>(picture_.width),
            height = picture_.height == 0 ? first_height : static_cast<int>(picture_.height);
  int wanted_across = width * zoom_, wanted_down = height * zoom_ + static_cast<int>(bar_height() * units);
  if (panes_open()) {
    wanted_across += static_cast<int>(panes_->usual_width() * units);
    wanted_down = std::max(wanted_down, static_cast<int>(panes_->usual_height() * units));
  }
  SDL_Rect room;
  const bool knows_room = SDL_GetDisplayUsableBounds(SDL_GetWindowDisplayIndex(window_), &room) == 0;
  if (knows_room) {
    wanted_across = std::min(wanted_across, room.w);
    wanted_down = std::min(wanted_down, room.h);
  }
  if (wanted_across != across || wanted_down != down) SDL_SetWindowSize(window_, wanted_across, wanted_down);
  // What grew beyond the desktop's edge comes back.
  if (knows_room && (wanted_across > across || wanted_down > down)) {
    int x = 0, y = 0;
    SDL_GetWindowPosition(window_, &x, &y);
    const int left = std::max(room.x, std::min(x, room.x + room.w - wanted_across)),
              top = std::max(room.y, std::min(y, room.y + room.h - wanted_down));
    if (left != x || top != y) SDL_SetWindowPosition(window_, left, top);
  }
  SDL_GetWindowSize(window_, &fitted_.x, &fitted_.y);
}

void SdlFace::note(const std::string& text) {
  constexpr Uint64 long_enough = 4000;
  note_ = text;
  note_ends_ = SDL_GetTicks64() + long_enough;
  stale_ = true;
}

}  // namespace ringside
