// Owns the tests of where a VNC server listens, and of the keys that viewers name.
#include <doctest/doctest.h>

#include "frontend/vnc/vnc.h"

namespace ringside {
namespace {

VncPlace place_of(std::string_view text) {
  VncPlace place;
  std::string error;
  CHECK_MESSAGE(parse_vnc_place(text, place, error), error);
  return place;
}

std::string refusal_of(std::string_view text) {
  VncPlace place;
  std::string error;
  CHECK_FALSE(parse_vnc_place(text, place, error));
  CHECK(place == VncPlace());
  CHECK(error.starts_with("-vnc " + std::string(text) + ": "));
  CHECK(error.find('\n') == error.npos);
  return error;
}

}  // namespace

TEST_CASE("a display is a port of this machine, unless an address is named") {
  CHECK(place_of(":0") == VncPlace{0x7f000001, 5900});
  CHECK(place_of("localhost:1") == VncPlace{0x7f000001, 5901});
  CHECK(place_of("0.0.0.0:99") == VncPlace{0, 5999});
  CHECK(place_of("192.168.1.20:59635") == VncPlace{0xc0a80114, 65535});
  CHECK(text_of(place_of("192.168.1.20:1")) == "192.168.1.20:5901");
  CHECK(text_of(VncPlace()) == "127.0.0.1:5900");
}

TEST_CASE("what is no display is refused in a line") {
  CHECK(refusal_of("1").find("no display") != std::string::npos);
  CHECK(refusal_of(":").find("no number") != std::string::npos);
  CHECK(refusal_of(":59636").find("no number") != std::string::npos);
  CHECK(refusal_of(":-1").find("no number") != std::string::npos);
  CHECK(refusal_of(":1x").find("no number") != std::string::npos);
  CHECK(refusal_of(":1,password=on").find("no password") != std::string::npos);
  CHECK(refusal_of("example.org:1").find("no IPv4 address") != std::string::npos);
  CHECK(refusal_of("1.2.3:1").find("no IPv4 address") != std::string::npos);
  CHECK(refusal_of("[::1]:1").find("no IPv4 address") != std::string::npos);
}

TEST_CASE("keysyms are places on the keyboard, the same with Shift and without") {
  const auto is = [](u32 keysym, u8 code, bool extended = false) {
    return key_of_keysym(keysym) == KeyStroke{code, extended, true};
  };
  CHECK(is('a', 0x1e));
  CHECK(is('A', 0x1e));
  CHECK(is('1', 0x02));
  CHECK(is('!', 0x02));
  CHECK(is('<', 0x33));
  CHECK(is(',', 0x33));
  CHECK(is('\\', 0x2b));
  CHECK(is(' ', 0x39));
  CHECK(is(0xff0d, 0x1c));        // Return
  CHECK(is(0xff52, 0x48, true));  // Up
  CHECK(is(0xffc9, 0x58));        // F12
  CHECK(is(0xffe2, 0x2a));        // Shift_R
  CHECK(is(0xffb5, 0x06));        // KP_5
  CHECK(is(0xffab, 0x0d));        // KP_Add, as the key of = and +
  CHECK_FALSE(key_of_keysym(0));
  CHECK_FALSE(key_of_keysym(0x7f));
  CHECK_FALSE(key_of_keysym(0xe9));        // e with an accent: on no US keyboard
  CHECK_FALSE(key_of_keysym(0x1008ff13));  // a loudspeaker's
}

}  // namespace ringside
