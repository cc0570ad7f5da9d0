// Owns everything of SDL's that the window has. All of it is used on the window's thread only.
#pragma once

#include <SDL.h>

#include <string>
#include <vector>

#include "frontend/screen/screen_copy.h"
#include "frontend/sdl/layout.h"
#include "frontend/sdl/sdl_letters.h"
#include "frontend/sdl/status_line.h"
#include "frontend/sdl/window_keys.h"
#include "frontend/sdl/window_mail.h"

namespace ringside {

class SdlFace {
 public:
  // All outlive it. `panes` may be nullptr: then `no_panes` is what is said to whoever wants them.
  SdlFace(WindowMail& mail, ScreenCopy& copy, Panes* panes, std::string no_panes)
      : mail_(mail), copy_(copy), panes_(panes), no_panes_(std::move(no_panes)) {}
  ~SdlFace();
  SdlFace(const SdlFace&) = delete;
  SdlFace& operator=(const SdlFace&) = delete;

  // False: one line in `error`.
  bool make(std::string& error);
  // Until the mail says stop.
  void live();

 private:
  // sdl_face.cpp
  bool take_news();
  void take_picture(const Picture& picture);
  void make_texture();
  bool panes_open() const { return panes_ != nullptr && panes_->open(); }
  void fit();
  void note(const std::string& text);
  double dots_per_unit() const;

  // sdl_face_draw.cpp
  Layout layout() const;
  void present();
  void draw_bar(const Box& bar);
  int draw_part(const StatusPart& part, int x, int y);
  void draw_sign(StatusPart::Look look, int x, int y);
  void draw_card(const std::vector<std::string>& lines, const Box& area, bool at_bottom);

  // sdl_face_events.cpp
  void take(const SDL_Event& event);
  void window_event(const SDL_WindowEvent& event);
  void key(const SDL_KeyboardEvent& event);
  bool own_key(const SDL_KeyboardEvent& event);
  void act(WindowAct what);
  void button(const SDL_MouseButtonEvent& event);
  void mouse(int right, int up, int wheel);
  void grab(bool on);
  void release_keys();
  void paste();

  static constexpr int bar_letters = 24;  // the height of the status line in dots of letters of scale 1
  int bar_height() const { return bar_letters * letter_scale_; }

  WindowMail& mail_;
  ScreenCopy& copy_;
  Panes* panes_;
  std::string no_panes_;
  SDL_Window* window_ = nullptr;
  SDL_Renderer* renderer_ = nullptr;
  SDL_Texture* texture_ = nullptr;
  SdlLetters letters_;
  bool attached_ = false;

  Picture picture_;
  WindowStatus status_;
  std::string title_, note_;
  Uint64 note_ends_ = 0;  // in milliseconds of SDL's clock
  int zoom_ = 1, letter_scale_ = 1;
  SDL_Point fitted_{};  // the size that the window was given last; another one is its user's choice
  bool help_ = false, grabbed_ = false, full_screen_ = false, smooth_ = false;
  bool stale_ = true;  // what is on the desktop is not what is to be seen
  u8 buttons_ = 0;
  std::vector<KeyStroke> held_;
};

}  // namespace ringside
