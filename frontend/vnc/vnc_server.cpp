// Owns the VNC server by libvncserver: its thread, its picture, and what viewers send.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <rfb/rfb.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "frontend/screen/screen_copy.h"
#include "frontend/sdl/window_mail.h"
#include "frontend/sdl/window_thread.h"
#include "frontend/vnc/vnc.h"

namespace ringside {
namespace {

// What the library would print is for those who debug it.
void say_nothing(const char*, ...) {}

class VncServer final : public Window {
 public:
  VncServer(const VncPlace& place, std::string name) : place_(place), name_(std::move(name)) {}
  ~VncServer() override {
    mail_.stop();
    thread_.join();
  }

  // False: `error`, and there is no thread any more.
  bool start(std::string& error) {
    return thread_.start([this](const WindowThread::Began& began) { live(began); }, error);
  }

  // Nobody looks: nothing is copied.
  ScreenCopy::Update show(const Vga& card) override {
    return viewers_ == 0 ? ScreenCopy::Update::same : copy_.update(card);
  }
  void status(const WindowStatus&) override {}
  void note(const std::string&) override {}
  bool take(std::deque<InputEvent>& input, std::deque<Request>& requests) override {
    return mail_.take(input, requests);
  }
  int descriptor() const override { return mail_.descriptor(); }

 private:
  static VncServer& of(rfbClientPtr client) { return *static_cast<VncServer*>(client->screen->screenData); }
  static rfbNewClientAction came(rfbClientPtr client) {
    client->clientGoneHook = went;
    ++of(client).viewers_;
    return RFB_CLIENT_ACCEPT;
  }
  static void went(rfbClientPtr client) {
    of(client).release_keys();
    --of(client).viewers_;
  }

  static void key(rfbBool down, rfbKeySym keysym, rfbClientPtr client) { of(client).press(keysym, down); }
  void press(u32 keysym, bool down) {
    constexpr u32 pause = 0xff13;
    if (keysym == pause) {
      if (down) mail_.put(PauseKey{});
      return;
    }
    auto stroke = key_of_keysym(keysym);
    if (!stroke) return;
    stroke->down = down;
    const auto held = std::find_if(held_.begin(), held_.end(), [&](const KeyStroke& k) {
      return k.code == stroke->code && k.extended == stroke->extended;
    });
    // The guest's keyboard repeats by itself.
    if (down == (held != held_.end())) return;
    if (down)
      held_.push_back(*stroke);
    else
      held_.erase(held);
    mail_.put(*stroke);
  }
  // A viewer that is gone holds nothing down.
  void release_keys() {
    for (KeyStroke& key : std::exchange(held_, {})) {
      key.down = false;
      mail_.put(key);
    }
  }

  // A viewer says where its pointer is, the guest's mouse how far it moved.
  static void pointer(int buttons, int x, int y, rfbClientPtr client) { of(client).move(buttons, x, y); }
  void move(int buttons, int x, int y) {
    enum Bit : int { left = 1, middle = 2, right = 4, wheel_up = 8, wheel_down = 16 };
    const int pressed = buttons & ~buttons_;
    const u8 now =
        static_cast<u8>((buttons & left ? 1 : 0) | (buttons & right ? 2 : 0) | (buttons & middle ? 4 : 0));
    const int wheel = (pressed & wheel_down ? 1 : 0) - (pressed & wheel_up ? 1 : 0);
    mail_.put(MouseMove{x - x_, y_ - y, wheel, now});
    x_ = x;
    y_ = y;
    buttons_ = buttons;
  }

  bool listen(std::string& error) {
    rfbLog = rfbErr = say_nothing;
    dots_.assign(std::size_t{720} * 400, 0);
    screen_ = rfbGetScreen(nullptr, nullptr, 720, 400, 8, 3, 4);
    if (screen_ == nullptr) {
      error = fmt::format("-vnc: no server can listen at {}; there is no memory for it", text_of(place_));
      return false;
    }
    screen_->screenData = this;
    screen_->desktopName = name_.c_str();
    screen_->frameBuffer = reinterpret_cast<char*>(dots_.data());
    screen_->serverFormat.redShift = 16;
    screen_->serverFormat.greenShift = 8;
    screen_->serverFormat.blueShift = 0;
    screen_->cursor = nullptr;  // the guest draws its own
    screen_->alwaysShared = TRUE;
    screen_->autoPort = FALSE;
    screen_->port = place_.port;
    screen_->listenInterface = htonl(place_.address);
    screen_->ipv6port = 0;
    screen_->newClientHook = came;
    screen_->kbdAddEvent = key;
    screen_->ptrAddEvent = pointer;
    rfbInitServer(screen_);
    if (screen_->listenSock >= 0) return true;
    error = fmt::format("-vnc: no server can listen at {} ({}); choose another display", text_of(place_),
                        std::strerror(errno));
    rfbScreenCleanup(screen_);
    return false;
  }

  void live(const WindowThread::Began& began) {
    std::string error;
    errno = 0;
    const bool good = listen(error);
    began(error);
    if (!good) return;
    constexpr long wait = 20'000;  // microseconds
    while (!mail_.stopping()) {
      rfbProcessEvents(screen_, wait);
      if (const std::optional<Picture> picture = copy_.draw()) take_over(*picture);
    }
    rfbShutdownServer(screen_, TRUE);
    rfbScreenCleanup(screen_);
  }

  void take_over(const Picture& picture) {
    if (picture.dots.empty()) return;
    const unsigned across = picture.width, down = picture.height;
    if (across != width_ || down != height_) {
      dots_ = picture.dots;
      width_ = across;
      height_ = down;
      rfbNewFramebuffer(screen_, reinterpret_cast<char*>(dots_.data()), static_cast<int>(across),
                        static_cast<int>(down), 8, 3, 4);
      screen_->serverFormat.redShift = 16;
      screen_->serverFormat.blueShift = 0;
      return;
    }
    // The rows that differ, as one stretch.
    const auto same = [&](unsigned row) {
      const std::size_t at = std::size_t{row} * across;
      return std::equal(picture.dots.begin() + static_cast<long>(at),
                        picture.dots.begin() + static_cast<long>(at + across),
                        dots_.begin() + static_cast<long>(at));
    };
    unsigned first = 0, end = down;
    while (first < end && same(first)) ++first;
    while (end > first && same(end - 1)) --end;
    if (first == end) return;
    const std::size_t at = std::size_t{first} * across, upto = std::size_t{end} * across;
    std::copy(picture.dots.begin() + static_cast<long>(at), picture.dots.begin() + static_cast<long>(upto),
              dots_.begin() + static_cast<long>(at));
    rfbMarkRectAsModified(screen_, 0, static_cast<int>(first), static_cast<int>(across),
                          static_cast<int>(end));
  }

  const VncPlace place_;
  const std::string name_;
  WindowMail mail_;
  ScreenCopy copy_;
  std::atomic<unsigned> viewers_ = 0;
  WindowThread thread_;
  // From here on the thread's own.
  rfbScreenInfoPtr screen_ = nullptr;
  std::vector<u32> dots_;
  unsigned width_ = 0, height_ = 0;
  std::vector<KeyStroke> held_;
  int x_ = 0, y_ = 0, buttons_ = 0;
};

}  // namespace

std::unique_ptr<Window> open_vnc(const VncPlace& place, const std::string& name, std::string& error) {
  auto server = std::make_unique<VncServer>(place, name);
  if (!server->start(error)) return nullptr;
  return server;
}

}  // namespace ringside
