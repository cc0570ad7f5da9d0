// Owns what several places where the screen is looked at have in common.
#include "frontend/program/faces.h"

#include <sys/epoll.h>
#include <unistd.h>

namespace ringside {

Faces::~Faces() {
  if (any_ >= 0) ::close(any_);
}

// A host without a descriptor to give leaves the machine's thread to look by itself, which it does often.
void Faces::add(std::unique_ptr<Window> face) {
  if (any_ < 0) any_ = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (any_ >= 0 && face->descriptor() >= 0) ::epoll_ctl(any_, EPOLL_CTL_ADD, face->descriptor(), &readable);
  faces_.push_back(std::move(face));
}

ScreenCopy::Update Faces::show(const Vga& card) {
  using enum ScreenCopy::Update;
  ScreenCopy::Update all = same;
  for (auto& face : faces_) {
    const ScreenCopy::Update one = face->show(card);
    if (one == busy || all == same) all = one;
  }
  return all;
}

void Faces::status(const WindowStatus& status) {
  for (auto& face : faces_) face->status(status);
}

void Faces::note(const std::string& text) {
  for (auto& face : faces_) face->note(text);
}

bool Faces::take(std::deque<InputEvent>& input, std::deque<Request>& requests) {
  bool some = false;
  for (auto& face : faces_) some |= face->take(input, requests);
  return some;
}

}  // namespace ringside
