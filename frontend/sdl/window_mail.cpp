// Owns the queues between the machine's thread and the window's.
#include "frontend/sdl/window_mail.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace ringside {

// A host without descriptors to give leaves the machine's thread to look by itself, which it does often.
WindowMail::WindowMail() {
  if (::pipe(ends_) != 0) ends_[0] = ends_[1] = -1;
  for (const int end : ends_) {
    if (end < 0) continue;
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
}

WindowMail::~WindowMail() {
  for (const int end : ends_) {
    if (end >= 0) ::close(end);
  }
}

bool WindowMail::take(std::deque<InputEvent>& input, std::deque<Window::Request>& requests) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(woken_, false)) return false;
  char byte;
  [[maybe_unused]] const ssize_t got = ::read(ends_[0], &byte, 1);
  input.insert(input.end(), input_.begin(), input_.end());
  requests.insert(requests.end(), requests_.begin(), requests_.end());
  input_.clear();
  requests_.clear();
  return true;
}

void WindowMail::send_status(const WindowStatus& status) {
  const std::lock_guard lock(mutex_);
  status_ = status;
}

void WindowMail::send_note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  note_ = text;
}

// A machine that stands still does not gather the way of a mouse step by step.
void WindowMail::put(const InputEvent& event) {
  const std::lock_guard lock(mutex_);
  const auto* const move = std::get_if<MouseMove>(&event);
  auto* const last = input_.empty() ? nullptr : std::get_if<MouseMove>(&input_.back());
  if (move != nullptr && last != nullptr && move->buttons == last->buttons) {
    last->right += move->right;
    last->up += move->up;
    last->wheel += move->wheel;
  } else {
    input_.push_back(event);
  }
  wake();
}

void WindowMail::put(Window::Request request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  wake();
}

void WindowMail::nudge() {
  const std::lock_guard lock(mutex_);
  wake();
}

void WindowMail::wake() {
  if (std::exchange(woken_, true)) return;
  const char byte = 0;
  [[maybe_unused]] const ssize_t put = ::write(ends_[1], &byte, 1);
}

std::optional<WindowStatus> WindowMail::new_status() {
  const std::lock_guard lock(mutex_);
  return std::exchange(status_, std::nullopt);
}

std::optional<std::string> WindowMail::new_note() {
  const std::lock_guard lock(mutex_);
  return std::exchange(note_, std::nullopt);
}

}  // namespace ringside
