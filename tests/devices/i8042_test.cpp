// Owns the test of the keyboard controller, the keyboard, the mouse, the A20 gate and the resets.
#include "devices/i8042/i8042.h"

#include <doctest/doctest.h>

#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
struct Bench {
  FakeLine irq1, irq12, a20;
  FakeControl control;
  FakeClock clock;
  I8042 kbc{clock, irq1, irq12, a20, control};
  PortBus bus;
  Bench() { PortsOf(bus, kbc); }
  u8 in(u16 port) { return static_cast<u8>(bus.port_read(port, 1)); }
  void out(u16 port, u8 value) { bus.port_write(port, 1, value); }
  void command(u8 byte) { out(0x64, byte); }
  // All that waits in the output buffer.
  std::vector<int> drain() {
    std::vector<int> bytes;
    while ((in(0x64) & 1) && bytes.size() < 100) bytes.push_back(in(0x60));
    return bytes;
  }
  std::vector<int> keyboard(u8 byte) {
    out(0x60, byte);
    return drain();
  }
  std::vector<int> mouse(u8 byte) {
    command(0xd4);
    out(0x60, byte);
    return drain();
  }
};
using Bytes = std::vector<int>;
}  // namespace

TEST_CASE("i8042: self test, link tests, command byte") {
  Bench b;
  b.command(0xaa);
  CHECK((b.in(0x64) & 0x0d) == 0x0d);
  CHECK(b.in(0x60) == 0x55);
  CHECK((b.in(0x64) & 1) == 0);
  b.command(0xab);
  CHECK(b.drain() == Bytes{0});
  b.command(0xa9);
  CHECK(b.drain() == Bytes{0});
  b.command(0x60);
  b.out(0x60, 0x47);
  CHECK((b.in(0x64) & 8) == 0);
  b.command(0x20);
  CHECK(b.drain() == Bytes{0x47});
  b.command(0xa7), b.command(0xad), b.command(0x20);
  CHECK(b.drain() == Bytes{0x77});
  b.command(0xa8), b.command(0xae), b.command(0x20);
  CHECK(b.drain() == Bytes{0x47});
  b.command(0x65);
  b.out(0x60, 0x99);
  b.command(0x25);
  CHECK(b.drain() == Bytes{0x99});
  b.command(0xa4);
  CHECK(b.drain() == Bytes{0xf1});
}

TEST_CASE("i8042: the keyboard answers reset, identify, lights, echo, and refuses nonsense") {
  Bench b;
  CHECK(b.keyboard(0xff) == Bytes{0xfa, 0xaa});
  CHECK(b.keyboard(0xf2) == Bytes{0xfa, 0xab, 0x41});  // 0x83, translated
  CHECK(b.keyboard(0xee) == Bytes{0xee});
  CHECK(b.keyboard(0xed) == Bytes{0xfa});
  CHECK(b.keyboard(0x05) == Bytes{0xfa});
  CHECK(b.kbc.keyboard().leds() == 5);
  CHECK(b.keyboard(0xf3) == Bytes{0xfa});
  CHECK(b.keyboard(0x00) == Bytes{0xfa});
  CHECK(b.keyboard(0x12) == Bytes{0xfe});
  CHECK(b.keyboard(0xed) == Bytes{0xfa});
  CHECK(b.keyboard(0xf4) == Bytes{0xfa});  // a command in the argument's place
  CHECK(b.keyboard(0xf0) == Bytes{0xfa});
  CHECK(b.keyboard(0x03) == Bytes{0xfe});
}

TEST_CASE("i8042: keys arrive translated or raw, one interrupt for each byte") {
  Bench b;
  CHECK(b.kbc.key(0x1e, false, true));
  CHECK(b.irq1.rises == 1);
  CHECK(b.kbc.key(0x1e, false, false));
  CHECK(b.kbc.key(0x48, true, true));
  CHECK(b.kbc.key(0x48, true, false));
  CHECK(b.drain() == Bytes{0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8});
  CHECK(b.irq1.rises == 6);
  CHECK_FALSE(b.irq1.level);
  b.kbc.pause_key();
  CHECK(b.drain() == Bytes{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5});
  b.command(0x60), b.out(0x60, 0x05);  // no translation
  b.kbc.key(0x1e, false, true), b.kbc.key(0x1e, false, false);
  b.kbc.key(0x48, true, false);
  CHECK(b.drain() == Bytes{0x1c, 0xf0, 0x1c, 0xe0, 0xf0, 0x75});
  b.keyboard(0xf0);
  b.keyboard(0x01);
  b.kbc.key(0x1e, false, true), b.kbc.key(0x1e, false, false);
  CHECK(b.drain() == Bytes{0x1e, 0x9e});
  CHECK_FALSE(b.kbc.key(0x00, false, true));
  CHECK_FALSE(b.kbc.key(0x9e, false, true));
}

TEST_CASE("i8042: every set 1 key comes back as itself through set 2 and the translation") {
  Bench b;
  for (u8 code = 1; code < 0x59; ++code) {
    CAPTURE(static_cast<int>(code));
    CHECK(b.kbc.key(code, false, true));
    CHECK(b.drain() == Bytes{code});
    CHECK(b.kbc.key(code, false, false));
    CHECK(b.drain() == Bytes{code | 0x80});
  }
}

TEST_CASE("i8042: a full queue takes whole keys or none; replies still come, and first") {
  Bench b;
  int taken = 0;
  while (taken < 100 && b.kbc.key(0x1e, false, true)) ++taken;
  CHECK(taken == 17);  // the queue's 16, and one in the output buffer
  CHECK(b.keyboard(0xee).at(1) == 0xee);
  for (int i = 0; i < 1000; ++i) b.out(0x60, 0xf2);
  CHECK(b.drain().size() <= 17);
}

TEST_CASE("i8042: a disabled interface holds its bytes back; a disabled keyboard loses them") {
  Bench b;
  b.command(0xad);
  CHECK(b.kbc.key(0x1e, false, true));
  CHECK((b.in(0x64) & 1) == 0);
  b.command(0xae);
  CHECK(b.drain() == Bytes{0x1e});
  b.keyboard(0xf5);
  CHECK_FALSE(b.kbc.key(0x1e, false, true));
  CHECK(b.drain().empty());
}

TEST_CASE("i8042: the auxiliary loop and the mouse, on IRQ 12") {
  Bench b;
  b.command(0xd3);
  b.out(0x60, 0x5a);
  CHECK((b.in(0x64) & 0x21) == 0x21);
  CHECK(b.in(0x60) == 0x5a);
  b.command(0x60), b.out(0x60, 0x47);
  CHECK(b.mouse(0xff) == Bytes{0xfa, 0xaa, 0x00});
  CHECK(b.irq12.rises == 3);
  CHECK(b.irq1.rises == 0);
  b.kbc.move_mouse(5, -3, 0, 1);
  CHECK(b.drain().empty());  // not reporting yet
  CHECK(b.mouse(0xe9) == Bytes{0xfa, 0x04, 0x02, 100});
  CHECK(b.mouse(0xf4) == Bytes{0xfa});
  b.kbc.move_mouse(0, 0, 0, 1);
  CHECK(b.drain() == Bytes{0x29, 5, 0xfd});
  b.kbc.move_mouse(300, 0, 0, 0);
  CHECK(b.drain() == Bytes{0x08, 255, 0, 0x08, 45, 0});
  // More than the queue holds goes out while the guest reads, the buttons' last state with it.
  b.kbc.move_mouse(2000, -2000, 0, 1);
  b.kbc.move_mouse(0, 0, 0, 0);
  int right = 0, up = 0;
  const Bytes packets = b.drain();
  REQUIRE(packets.size() % 3 == 0);
  for (std::size_t n = 0; n < packets.size(); n += 3) {
    right += packets[n + 1] - (packets[n] & 0x10 ? 256 : 0);
    up += packets[n + 2] - (packets[n] & 0x20 ? 256 : 0);
  }
  CHECK(right == 2000);
  CHECK(up == -2000);
  CHECK((packets.at(packets.size() - 3) & 7) == 0);
  for (u8 rate : {200, 100, 80}) {
    CHECK(b.mouse(0xf3) == Bytes{0xfa});
    CHECK(b.mouse(rate) == Bytes{0xfa});
  }
  CHECK(b.mouse(0xf2) == Bytes{0xfa, 0x03});
  b.kbc.move_mouse(0, 0, -1, 0);
  CHECK(b.drain() == Bytes{0x08, 0, 0, 0xff});
  CHECK(b.mouse(0xee) == Bytes{0xfa});
  CHECK(b.mouse(0xf4) == Bytes{0xf4});
  CHECK(b.mouse(0xec) == Bytes{0xfa});
  CHECK(b.mouse(0xeb) == Bytes{0xfa, 0x08, 0, 0, 0});
}

TEST_CASE("i8042: A20 by the output port, by the short commands and by port 0x92 is one gate") {
  Bench b;
  CHECK(b.a20.level);
  b.command(0xd1), b.out(0x60, 0xdd);
  CHECK_FALSE(b.a20.level);
  CHECK((b.in(0x92) & 2) == 0);
  b.command(0xd0);
  CHECK((b.drain().at(0) & 3) == 1);
  b.command(0xdf);
  CHECK(b.a20.level);
  b.command(0xdd);
  CHECK_FALSE(b.a20.level);
  b.out(0x92, 0x02);
  CHECK(b.a20.level);
  CHECK(b.control.cpu_resets == 0);
}

TEST_CASE("i8042: resets by pulse, by output port and by port 0x92") {
  Bench b;
  b.command(0xff);
  CHECK(b.control.cpu_resets == 0);
  b.command(0xfe);
  CHECK(b.control.cpu_resets == 1);
  b.command(0xd1), b.out(0x60, 0x02);
  CHECK(b.control.cpu_resets == 2);
  b.out(0x92, 0x03);
  CHECK(b.control.cpu_resets == 3);
  b.out(0x92, 0x03);
  CHECK(b.control.cpu_resets == 3);  // it stands already
}

TEST_CASE("i8042: saved and restored with bytes on the way") {
  Bench a, b;
  a.kbc.key(0x1e, false, true), a.kbc.key(0x1e, false, false);
  auto saved = Snapshot::of(a.kbc);
  CHECK(saved.into(b.kbc));
  CHECK(b.irq1.rises == 0);  // the line's level is the line's own state
  CHECK(b.drain() == Bytes{0x1e, 0x9e});
}

TEST_CASE(
    "a key that is held repeats in virtual time, as the guest has set delay and rate, until it goes up") {
  Bench b;
  const auto after = [&](u64 ms) {
    b.clock.advance(ms * b.clock.frequency() / 1000);
    return b.drain();
  };
  b.kbc.key(0x1e, false, true);
  CHECK(after(499) == Bytes{0x1e});
  CHECK(after(2) == Bytes{0x1e});
  CHECK(after(93) == Bytes{0x1e});  // 10.9 a second
  // Another key takes over, and the release of the first does not stop it.
  b.kbc.key(0x48, true, true);
  b.kbc.key(0x1e, false, false);
  CHECK(after(499) == Bytes{0xe0, 0x48, 0x9e});
  CHECK(after(2) == Bytes{0xe0, 0x48});
  b.kbc.key(0x48, true, false);
  CHECK(after(5000) == Bytes{0xe0, 0xc8});
  CHECK_FALSE(b.clock.any_armed());
  // 250 ms and 30 a second.
  b.keyboard(0xf3), b.keyboard(0x00);
  b.kbc.key(0x1e, false, true);
  CHECK(after(249) == Bytes{0x1e});
  CHECK(after(2) == Bytes{0x1e});
  CHECK(after(34) == Bytes{0x1e});
  // Nobody reads: the queue is bounded.
  CHECK(after(60'000).size() == 17);
  b.keyboard(0xff);
  CHECK(after(60'000).empty());
}
