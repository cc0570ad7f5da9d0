// Owns the places where a machine's screen is looked at, as one: a window here, viewers elsewhere.
#pragma once

#include <memory>
#include <vector>

#include "frontend/sdl/window.h"

namespace ringside {

class Faces final : public Window {
 public:
  Faces() = default;
  ~Faces() override;
  Faces(const Faces&) = delete;
  Faces& operator=(const Faces&) = delete;

  void add(std::unique_ptr<Window> face);
  bool empty() const { return faces_.empty(); }

  ScreenCopy::Update show(const Vga& card) override;  // what any of them says; busy before changed
  void status(const WindowStatus& status) override;
  void note(const std::string& text) override;
  bool take(std::deque<InputEvent>& input, std::deque<Request>& requests) override;
  int descriptor() const override { return any_; }

 private:
  std::vector<std::unique_ptr<Window>> faces_;
  int any_ = -1;  // readable while one of theirs is
};

}  // namespace ringside
