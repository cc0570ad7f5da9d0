// Owns the window on a desktop, as the program sees it: what it shows, and what people do in it.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "devices/vga/picture.h"
#include "frontend/machine/input.h"

namespace ringside {

class Window {
 public:
  // What is wanted of the program, not of the guest.
  enum class Request : u8 { close, quit, pause, screenshot, full_speed };

  // nullptr and one line in `error`: there is no desktop, or this program was built without SDL.
  static std::unique_ptr<Window> open(std::string& error);
  // The keys of the window itself, a line each.
  static std::string keys_text();
  virtual ~Window() = default;

  // The picture, scaled by whole numbers in the middle of the window, and the line above it.
  virtual void show(const Picture& picture) = 0;
  virtual void title(const std::string& text) = 0;
  // Takes in what has happened since.
  virtual void poll() = 0;
  virtual bool grabbed() const = 0;  // the mouse and all keys are the guest's

  std::deque<InputEvent> input;
  std::deque<Request> requests;
};

}  // namespace ringside
