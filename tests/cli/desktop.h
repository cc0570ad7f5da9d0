// Owns a desktop that nobody sees, for tests of the window: an X server of its own, with keys and mouse.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/cli/program.h"

namespace ringside::cli {

// While one exists, programs that a test starts find it as their desktop. At most one at a time.
class Desktop {
 public:
  Desktop();
  ~Desktop();
  Desktop(const Desktop&) = delete;
  Desktop& operator=(const Desktop&) = delete;

  // False, with a message: the test's programs (Xvfb, xdotool), or the window, are not here.
  bool there() const { return server_ > 0; }

  // Waits for a window whose title matches, at most a minute; it gets the keyboard. False: none came.
  bool wait_for_window(const std::string& title);
  // Is there one now?
  bool has_window(const std::string& title) const;
  // "Down", "ctrl+alt+p": as xdotool names keys.
  void press(const std::string& keys) const;
  void type(const std::string& text) const;  // letter by letter
  void click() const;                        // the left button, in the middle of the window
  void click_here() const;
  void click_at(int right, int down) const;  // in dots from the window's corner
  void drag(int right, int down, int to_right, int to_down) const;
  // From where the pointer is, in dots.
  void move(int right, int down) const;
  // As a window manager does when somebody closes the window.
  void close() const;
  void resize(int width, int height) const;
  // All dots of the desktop.
  std::string dots() const;
  // Waits until dots() are no longer these, at most a minute. False: they still are.
  bool wait_for_other_dots(const std::string& before) const;

 private:
  pid_t server_ = -1;
  int number_ = 0;
  std::string window_;  // its number
};

// False, with a message: the program was built without a window.
bool has_sdl();

}  // namespace ringside::cli
