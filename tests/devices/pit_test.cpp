// Owns the test of the 8254: the six modes clock by clock against the data sheet's rules, reads, and IRQ 0.
#include "devices/pit/pit8254.h"

#include <doctest/doctest.h>

#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
// OUT from CLK 1 on, as the data sheet draws it, for a counter written at CLK 0.
std::string wave(PitChannel& channel, u64 from, unsigned clocks) {
  std::string text;
  for (u64 at = from; at < from + clocks; ++at) {
    channel.run_to(at);
    text.push_back(channel.out() ? '-' : '_');
  }
  return text;
}
std::string counts(PitChannel& channel, u64 from, unsigned clocks) {
  std::string text;
  for (u64 at = from; at < from + clocks; ++at) text += std::to_string(channel.read(at)) + " ";
  return text;
}
PitChannel made(u8 mode, u8 count, bool bcd = false) {
  PitChannel channel;
  channel.write_control(0, 1, mode, bcd);
  channel.write_count(0, count);
  return channel;
}
// The same machine, looked at only when it says that something happens.
std::string wave_by_events(PitChannel channel, u64 from, unsigned clocks) {
  std::string text;
  u64 event = channel.next_event();
  for (u64 at = from; at < from + clocks; ++at) {
    while (event <= at) {
      channel.run_to(event);
      event = channel.next_event();
    }
    text.push_back(channel.out() ? '-' : '_');
  }
  return text;
}

struct Bench {
  FakeClock clock{2'400'000'000};
  FakeLine irq0;
  Pit8254 pit{clock, irq0};
  PortBus bus;
  Bench() { PortsOf(bus, pit); }
  u8 in(u16 port) { return static_cast<u8>(bus.port_read(port, 1)); }
  void out(u16 port, u8 value) { bus.port_write(port, 1, value); }
  u16 in16(u16 port) {
    const u8 low = in(port);
    return static_cast<u16>(in(port) << 8 | low);
  }
  void to_clock(u64 n) { clock.advance_to(clock.ticks_of(n, Pit8254::hertz)); }
};
}  // namespace

TEST_CASE("pit: mode 0 goes high N+1 clocks after the count was written, and counts on") {
  PitChannel c = made(0, 4);
  CHECK(wave(c, 1, 8) == "____----");
  PitChannel d = made(0, 3);
  CHECK(counts(d, 1, 6) == "3 2 1 0 255 254 ");
}

TEST_CASE("pit: mode 0, GATE low holds the count; a new count starts anew") {
  PitChannel c = made(0, 4);
  c.run_to(2);
  c.set_gate(2, false);
  CHECK(wave(c, 3, 4) == "____");
  c.set_gate(6, true);
  CHECK(wave(c, 7, 4) == "__--");
  c.write_count(10, 2);
  CHECK(wave(c, 10, 5) == "___--");
  c.write_control(20, 3, 0, false);
  c.write_count(20, 2);
  c.write_count(20, 0);
  CHECK(wave(c, 21, 4) == "__--");
  c.write_count(24, 9);  // the first byte of two takes OUT low and stops the counting
  CHECK(wave(c, 24, 20) == std::string(20, '_'));
  c.write_count(44, 0);
  CHECK(wave(c, 45, 11) == "_________--");
}

TEST_CASE("pit: mode 1 is a one-shot of N clocks, started again by a new trigger") {
  PitChannel c = made(1, 3);
  CHECK(wave(c, 1, 4) == "----");
  c.set_gate(5, false);
  c.set_gate(5, true);
  CHECK(wave(c, 5, 6) == "-___--");
  c.set_gate(11, false);
  c.set_gate(11, true);
  c.run_to(13);
  c.set_gate(13, false);
  c.set_gate(13, true);
  CHECK(wave(c, 13, 6) == "____--");
}

TEST_CASE("pit: mode 2 is low for one clock in N; a new count waits for the end of the period") {
  PitChannel c = made(2, 3);
  CHECK(wave(c, 1, 9) == "--_--_--_");
  PitChannel d = made(2, 3);
  CHECK(counts(d, 1, 7) == "3 2 1 3 2 1 3 ");
  PitChannel e = made(2, 4);
  e.run_to(2);
  e.write_count(2, 3);
  CHECK(wave(e, 2, 9) == "--_--_--_");
  PitChannel f = made(2, 3);
  f.run_to(3);
  f.set_gate(3, false);
  CHECK(wave(f, 3, 3) == "---");  // GATE low takes OUT high at once
  f.set_gate(6, true);
  CHECK(wave(f, 7, 4) == "--_-");
}

TEST_CASE("pit: mode 3 is high for (N+1)/2 clocks and low for (N-1)/2") {
  PitChannel even = made(3, 4);
  CHECK(wave(even, 1, 8) == "--__--__");
  PitChannel odd = made(3, 5);
  CHECK(wave(odd, 1, 10) == "---__---__");
  PitChannel c = made(3, 4);
  CHECK(counts(c, 1, 6) == "4 2 4 2 4 2 ");
  PitChannel changed = made(3, 8);
  changed.run_to(2);
  changed.write_count(2, 4);  // counts after this half
  CHECK(wave(changed, 2, 9) == "---__--__");
  PitChannel one = made(3, 1);
  one.run_to(1'000'000);
  CHECK(one.out());
}

TEST_CASE("pit: mode 4 strobes once, N+1 clocks after the write; mode 5 after a trigger") {
  PitChannel c = made(4, 3);
  CHECK(wave(c, 1, 7) == "---_---");
  PitChannel d = made(5, 3);
  CHECK(wave(d, 1, 7) == "-------");
  d.set_gate(8, false);
  d.set_gate(8, true);
  CHECK(wave(d, 9, 6) == "---_--");
  PitChannel gated = made(4, 3);
  gated.set_gate(2, false);
  CHECK(wave(gated, 3, 5) == "-----");
  gated.set_gate(8, true);
  CHECK(wave(gated, 9, 4) == "-_--");
}

TEST_CASE("pit: looked at only at its own events, a counter shows the same waves") {
  for (u8 mode = 0; mode < 6; ++mode) {
    for (u8 count = 1; count < 12; ++count) {
      PitChannel a = made(mode, count);
      const PitChannel b = a;
      CAPTURE(static_cast<int>(mode));
      CAPTURE(static_cast<int>(count));
      CHECK(wave(a, 1, 60) == wave_by_events(b, 1, 60));
    }
  }
}

TEST_CASE("pit: a leap over many periods lands where single steps land") {
  for (u8 mode : {u8{2}, u8{3}}) {
    for (u8 count = 2; count < 9; ++count) {
      PitChannel a = made(mode, count), b = a;
      for (u64 at = 1; at <= 1001; ++at) a.run_to(at);
      b.run_to(1001);
      CHECK(wave(a, 1002, 30) == wave(b, 1002, 30));
    }
  }
}

TEST_CASE("pit: BCD counts from 10,000 down in tens") {
  PitChannel c = made(0, 0, true);
  CHECK(c.read(1) == 0x00);
  CHECK(c.read(2) == 0x99);
  PitChannel d = made(0, 0x12, true);
  CHECK(d.read(4) == 0x09);
}

TEST_CASE("pit: latched count and status stay until read, status first") {
  Bench b;
  b.out(0x43, 0x34);
  b.out(0x40, 0xe8);
  b.out(0x43, 0xe2);          // read-back: status of channel 0
  CHECK(b.in(0x40) == 0xf4);  // OUT high, null count: only half of it is written
  b.out(0x40, 0x03);
  b.to_clock(1);
  b.out(0x43, 0xc2);  // both
  b.to_clock(500);
  b.out(0x43, 0x00);  // ignored: a latch is full
  CHECK(b.in(0x40) == 0xb4);
  CHECK(b.in16(0x40) == 1000);
  CHECK(b.in16(0x40) == 501);
  CHECK(b.in(0x43) == 0xff);
}

TEST_CASE("pit: channel 0 in mode 2 raises IRQ 0 at exact times, without drift") {
  Bench b;
  b.out(0x43, 0x34);
  b.out(0x40, 0xa9);
  b.out(0x40, 0x04);  // 1193 clocks
  b.irq0.rises = 0;
  b.to_clock(1193);
  CHECK(b.irq0.rises == 0);
  CHECK_FALSE(b.irq0.level);
  b.to_clock(1194);
  CHECK(b.irq0.rises == 1);
  b.to_clock(1 + 1193 * 1000);
  CHECK(b.irq0.rises == 1000);
  b.clock.leap(b.clock.ticks_of(1193, Pit8254::hertz));  // the pulse lies inside the leap
  CHECK(b.irq0.rises == 1001);
}

TEST_CASE("pit: port 0x61 gates channel 2 and shows its OUT and the refresh") {
  Bench b;
  b.out(0x61, 0x00);
  b.out(0x43, 0xb0);  // channel 2, mode 0, as calibration loops do
  b.out(0x42, 100);
  b.out(0x42, 0);
  b.to_clock(500);
  CHECK((b.in(0x61) & 0x20) == 0);
  b.out(0x61, 0x01);
  b.to_clock(599);
  CHECK((b.in(0x61) & 0x21) == 0x01);
  b.to_clock(601);
  CHECK((b.in(0x61) & 0x21) == 0x21);
  CHECK_FALSE(b.pit.speaker());
  b.out(0x61, 0x03);
  CHECK(b.pit.speaker());
  const u8 first = b.in(0x61) & 0x10;
  b.clock.advance(b.clock.ticks_of(18, Pit8254::hertz));
  CHECK((b.in(0x61) & 0x10) != first);
}

TEST_CASE("pit: restored, it interrupts when the saved one would have") {
  Bench a, b;
  a.out(0x43, 0x36);
  a.out(0x40, 0x00);
  a.out(0x40, 0x10);
  a.to_clock(1000);
  auto saved = Snapshot::of(a.pit);
  b.clock.now_ = a.clock.now_;
  CHECK(saved.into(b.pit));
  b.irq0.level = a.irq0.level;
  for (int i = 0; i < 3; ++i) {
    a.clock.advance(1'000'000), b.clock.advance(1'000'000);
    CHECK(a.irq0.level == b.irq0.level);
  }
  CHECK(Snapshot::of(a.pit).data == Snapshot::of(b.pit).data);
}
