// Owns the window's thread, and the machine's side of it.
#include <pthread.h>
#include <signal.h>

#include <future>
#include <thread>
#include <utility>

#include "frontend/sdl/sdl_face.h"
#include "frontend/sdl/window_mail.h"

namespace ringside {
namespace {

class SdlWindow final : public Window {
 public:
  SdlWindow(std::unique_ptr<Panes> panes, std::string no_panes)
      : panes_(std::move(panes)), no_panes_(std::move(no_panes)) {}
  ~SdlWindow() override {
    mail_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // False: `error`, and there is no thread any more.
  bool start(std::string& error) {
    std::promise<std::string> opened;
    // Signals are for the machine's thread: they end its waits.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    thread_ = std::thread([this, &opened] { live(opened); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    error = opened.get_future().get();
    return error.empty();
  }

  ScreenCopy::Update show(const Vga& card) override { return copy_.update(card); }
  void status(const WindowStatus& status) override { mail_.send_status(status); }
  void note(const std::string& text) override { mail_.send_note(text); }
  bool take(std::deque<InputEvent>& input, std::deque<Request>& requests) override {
    return mail_.take(input, requests);
  }
  int descriptor() const override { return mail_.descriptor(); }

 private:
  void live(std::promise<std::string>& opened) {
    std::string error;
    SdlFace face(mail_, copy_, panes_.get(), no_panes_);
    const bool good = face.make(error);
    opened.set_value(error);
    if (good) face.live();
  }

  WindowMail mail_;
  ScreenCopy copy_;
  std::unique_ptr<Panes> panes_;
  std::string no_panes_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Window> Window::open(std::string& error, std::unique_ptr<Panes> panes, std::string no_panes) {
  auto window = std::make_unique<SdlWindow>(std::move(panes), std::move(no_panes));
  if (!window->start(error)) return nullptr;
  return window;
}

}  // namespace ringside
