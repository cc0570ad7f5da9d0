// Owns the tests of the VNC server with a viewer of libvncclient: what it sees, what it sends, and how it
// goes.
#include <doctest/doctest.h>
#include <rfb/rfbclient.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>

#include "devices/vga/vga.h"
#include "frontend/vnc/vnc.h"
#include "tests/devices/fakes.h"

namespace ringside {
namespace {

// A card whose framebuffer shows 64 times 48 dots of 32 bits.
struct Card {
  struct Attach final : Places {
    Card& card;
    explicit Attach(Card& c) : card(c) {}
    void ports(PortSpan span, PortDevice& device, std::string_view name) override {
      card.bus.map(span, device, std::string(name));
    }
    void memory(HostPhys base, u64 bytes, MmioDevice& device, std::string_view name) override {
      card.memory.add_mmio(base, bytes, device, std::string(name));
    }
  };
  static constexpr u64 framebuffer = 0xe0000000;

  PortBus bus;
  PhysicalMemory memory;
  FakeClock clock;
  Vga vga{memory, clock, {}};

  Card() {
    Attach attach(*this);
    vga.places(attach);
    vga.reset(ResetKind::power_on);
    vga.config_write(0x10, 4, framebuffer);
    vga.config_write(0x18, 4, 0xe1000000);
    vga.config_write(0x04, 2, 2);
    mode(64, 48);
    bus.port_read(0x3da, 1);
    bus.port_write(0x3c0, 1, 0x20);  // the attribute controller lets the picture through
  }
  void dispi(u16 index, u16 value) {
    bus.port_write(0x1ce, 2, index);
    bus.port_write(0x1cf, 2, value);
  }
  void mode(u16 width, u16 height) {
    dispi(Dispi::enable, 0);
    dispi(Dispi::width, width);
    dispi(Dispi::height, height);
    dispi(Dispi::depth, 32);
    dispi(Dispi::enable, 0x41);
  }
  void dot(unsigned number, u32 colour) { memory.write(HostPhys(framebuffer + number * 4), 4, colour); }
};

// A server on the first display that is free.
struct Server {
  VncPlace place;
  std::unique_ptr<Window> window;
  std::deque<InputEvent> input;
  std::deque<Window::Request> requests;

  Server() {
    std::string error;
    for (place.port = 15900; !window && place.port < 16900; ++place.port)
      window = open_vnc(place, "a guest", error);
    --place.port;
    REQUIRE_MESSAGE(window, error);
  }
};

void say_nothing(const char*, ...) {}

struct Viewer {
  rfbClient* client = nullptr;

  explicit Viewer(const VncPlace& place) {
    rfbClientLog = rfbClientErr = say_nothing;
    client = rfbGetClient(8, 3, 4);
    std::free(std::exchange(client->serverHost, strdup("127.0.0.1")));
    client->serverPort = place.port;
    client->canHandleNewFBSize = TRUE;
    client->format.redShift = 16;
    client->format.blueShift = 0;
    if (!rfbInitClient(client, nullptr, nullptr)) client = nullptr;  // it is freed then
    REQUIRE(client != nullptr);
  }
  ~Viewer() { close(); }
  void close() {
    if (client == nullptr) return;
    std::free(client->frameBuffer);
    rfbClientCleanup(std::exchange(client, nullptr));
  }
  void listen() {
    constexpr unsigned microseconds = 5000;
    if (WaitForMessage(client, microseconds) > 0) REQUIRE(HandleRFBServerMessage(client));
  }
  u32 dot(unsigned number) const {
    u32 value;
    std::memcpy(&value, client->frameBuffer + std::size_t{number} * 4, sizeof value);
    return value & 0xffffff;
  }
};

// Until `done`, for half a minute at most: a busy host is slow.
bool eventually(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

TEST_CASE("a viewer sees the screen, what changes on it, and a new size") {
  Card card;
  Server server;
  Viewer viewer(server.place);
  CHECK(std::string(viewer.client->desktopName) == "a guest");
  const auto shown = [&](unsigned number, u32 colour) {
    return eventually([&] {
      server.window->show(card.vga);
      viewer.listen();
      return viewer.client->width == 64 && viewer.client->height == 48 && viewer.dot(number) == colour;
    });
  };
  card.dot(5, 0xff8040);
  CHECK(shown(5, 0xff8040));
  card.dot(64 * 48 - 1, 0x010203);
  CHECK(shown(64 * 48 - 1, 0x010203));
  CHECK(viewer.dot(5) == 0xff8040);
  card.mode(128, 32);
  card.dot(128 * 31, 0x00ff00);
  CHECK(eventually([&] {
    server.window->show(card.vga);
    viewer.listen();
    return viewer.client->width == 128 && viewer.client->height == 32 && viewer.dot(128 * 31) == 0x00ff00;
  }));
}

TEST_CASE("keys and the mouse of a viewer are input; one that goes holds nothing down") {
  Server server;
  Viewer viewer(server.place);
  const auto came = [&](const InputEvent& wanted) {
    return eventually([&] {
      server.window->take(server.input, server.requests);
      if (server.input.empty()) return false;
      CHECK(server.input.front() == wanted);
      server.input.pop_front();
      return true;
    });
  };
  SendKeyEvent(viewer.client, 'Q', TRUE);
  SendKeyEvent(viewer.client, 'Q', TRUE);  // repeated by the viewer
  SendKeyEvent(viewer.client, 'q', FALSE);
  CHECK(came(KeyStroke{0x10, false, true}));
  CHECK(came(KeyStroke{0x10, false, false}));
  SendKeyEvent(viewer.client, 0xff13, TRUE);
  CHECK(came(PauseKey{}));
  SendPointerEvent(viewer.client, 10, 20, 0);
  CHECK(came(MouseMove{10, -20, 0, 0}));
  SendPointerEvent(viewer.client, 13, 18, 4);
  CHECK(came(MouseMove{3, 2, 0, 2}));
  SendPointerEvent(viewer.client, 13, 18, 4 | 16);
  CHECK(came(MouseMove{0, 0, 1, 2}));
  SendKeyEvent(viewer.client, 0xff52, TRUE);
  CHECK(came(KeyStroke{0x48, true, true}));
  viewer.close();
  CHECK(came(KeyStroke{0x48, true, false}));
  CHECK(server.requests.empty());
}

TEST_CASE("a display that is taken is refused in a line; two viewers look at once") {
  Card card;
  Server server;
  std::string error;
  CHECK(open_vnc(server.place, "another", error) == nullptr);
  CHECK(error.find(text_of(server.place)) != error.npos);
  CHECK(error.find("choose another display") != error.npos);
  Viewer first(server.place), second(server.place);
  card.dot(0, 0x123456);
  CHECK(eventually([&] {
    server.window->show(card.vga);
    first.listen();
    second.listen();
    return first.client->width == 64 && second.client->width == 64 && first.dot(0) == 0x123456 &&
           second.dot(0) == 0x123456;
  }));
}

}  // namespace ringside
