// Owns what the machine's thread and the window's say to each other.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "frontend/sdl/window.h"

namespace ringside {

class WindowMail {
 public:
  WindowMail();
  ~WindowMail();
  WindowMail(const WindowMail&) = delete;
  WindowMail& operator=(const WindowMail&) = delete;

  // The machine's thread.
  bool take(std::deque<InputEvent>& input, std::deque<Window::Request>& requests);
  int descriptor() const { return ends_[0]; }  // readable while take() has something to give
  void send_status(const WindowStatus& status);
  void send_note(const std::string& text);
  void stop() { stopping_ = true; }

  // The window's thread.
  void put(const InputEvent& event);
  void put(Window::Request request);
  // Wakes the machine's thread for what somebody else has to tell it.
  void nudge();
  bool stopping() const { return stopping_; }
  // What came since the last call; of several, the last.
  std::optional<WindowStatus> new_status();
  std::optional<std::string> new_note();

 private:
  void wake();

  std::mutex mutex_;  // of all but the last two
  std::deque<InputEvent> input_;
  std::deque<Window::Request> requests_;
  std::optional<WindowStatus> status_;
  std::optional<std::string> note_;
  bool woken_ = false;
  int ends_[2] = {-1, -1};  // of a pipe: a byte waits in it while something is to be taken
  std::atomic<bool> stopping_ = false;
};

}  // namespace ringside
