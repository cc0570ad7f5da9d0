// Owns the tests of what the machine's thread and the window's say to each other.
#include <doctest/doctest.h>
#include <poll.h>

#include <thread>

#include "frontend/sdl/window_mail.h"

namespace ringside {
namespace {

bool readable(const WindowMail& mail) {
  pollfd one{mail.descriptor(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

}  // namespace

TEST_CASE("input arrives in its order, and the descriptor tells of it") {
  WindowMail mail;
  std::deque<InputEvent> input;
  std::deque<Window::Request> requests;
  CHECK_FALSE(readable(mail));
  CHECK_FALSE(mail.take(input, requests));
  mail.put(KeyStroke{0x1e, false, true});
  mail.put(MouseMove{1, 2, 0, 0});
  mail.put(MouseMove{3, -5, 1, 0});
  mail.put(MouseMove{0, 0, 0, 1});
  mail.put(Window::Request::pause);
  mail.put(KeyStroke{0x1e, false, false});
  CHECK(readable(mail));
  REQUIRE(mail.take(input, requests));
  CHECK_FALSE(readable(mail));
  // A mouse's way is summed up, but for where a button changes.
  const std::deque<InputEvent> wanted{KeyStroke{0x1e, false, true}, MouseMove{4, -3, 1, 0},
                                      MouseMove{0, 0, 0, 1}, KeyStroke{0x1e, false, false}};
  CHECK(input == wanted);
  CHECK(requests == std::deque<Window::Request>{Window::Request::pause});
}

TEST_CASE("of several words about the machine the last one is shown") {
  WindowMail mail;
  CHECK_FALSE(mail.new_status());
  WindowStatus status;
  status.mips = 1;
  mail.send_status(status);
  status.mips = 2;
  mail.send_status(status);
  CHECK(mail.new_status() == status);
  CHECK_FALSE(mail.new_status());
  mail.send_note("written");
  CHECK(mail.new_note() == "written");
  CHECK_FALSE(mail.new_note());
}

TEST_CASE("nothing is lost between two threads") {
  WindowMail mail;
  constexpr int many = 20000;
  std::thread window([&] {
    for (int n = 0; n < many; ++n) mail.put(KeyStroke{static_cast<u8>(n), false, n % 2 == 0});
    mail.put(Window::Request::quit);
  });
  std::deque<InputEvent> input;
  std::deque<Window::Request> requests;
  while (requests.empty()) {
    pollfd one{mail.descriptor(), POLLIN, 0};
    ::poll(&one, 1, 1000);
    mail.take(input, requests);
  }
  window.join();
  REQUIRE(input.size() == many);
  for (int n = 0; n < many; ++n)
    REQUIRE(input[static_cast<std::size_t>(n)] ==
            InputEvent(KeyStroke{static_cast<u8>(n), false, n % 2 == 0}));
}

}  // namespace ringside
