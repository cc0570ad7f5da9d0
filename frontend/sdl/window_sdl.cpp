// Owns the window's thread, and the machine's side of it.
#include <utility>

#include "frontend/sdl/sdl_face.h"
#include "frontend/sdl/window_mail.h"
#include "frontend/sdl/window_thread.h"

namespace ringside {
namespace {

class SdlWindow final : public Window {
 public:
  SdlWindow(std::unique_ptr<Panes> panes, std::string no_panes)
      : panes_(std::move(panes)), no_panes_(std::move(no_panes)) {}
  ~SdlWindow() override {
    mail_.stop();
    thread_.join();
  }

  // False: `error`, and there is no thread any more.
  bool start(std::string& error) {
    return thread_.start([this](const WindowThread::Began& began) { live(began); }, error);
  }

  ScreenCopy::Update show(const Vga& card) override { return copy_.update(card); }
  void status(const WindowStatus& status) override { mail_.send_status(status); }
  void note(const std::string& text) override { mail_.send_note(text); }
  bool take(std::deque<InputEvent>& input, std::deque<Request>& requests) override {
    return mail_.take(input, requests);
  }
  int descriptor() const override { return mail_.descriptor(); }

 private:
  void live(const WindowThread::Began& began) {
    std::string error;
    SdlFace face(mail_, copy_, panes_.get(), no_panes_);
    const bool good = face.make(error);
    began(error);
    if (good) face.live();
  }

  WindowMail mail_;
  ScreenCopy copy_;
  std::unique_ptr<Panes> panes_;
  std::string no_panes_;
  WindowThread thread_;
};

}  // namespace

std::unique_ptr<Window> Window::open(std::string& error, std::unique_ptr<Panes> panes, std::string no_panes) {
  auto window = std::make_unique<SdlWindow>(std::move(panes), std::move(no_panes));
  if (!window->start(error)) return nullptr;
  return window;
}

}  // namespace ringside
