// Owns the test of the 16550A: interrupts and their priorities, FIFOs, timeout, loopback, the OUT2 gate.
#include "devices/serial/uart16550.h"

#include <doctest/doctest.h>

#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
struct Bench {
  FakeClock clock;
  FakeLine irq;
  FakeSink sink;
  Uart16550 uart{Uart16550::com[0], clock, irq, sink};

  u8 in(u16 reg) { return static_cast<u8>(uart.io_read(reg, 1)); }
  void out(u16 reg, u8 value) { uart.io_write(reg, 1, value); }
  void set_up(u8 fcr) {
    out(3, 0x80);
    out(0, 1);  // 115,200 bits a second
    out(1, 0);
    out(3, 0x03);
    out(2, fcr);
    out(4, 0x0b);
    in(2);
  }
};
constexpr Ticks four_characters = 4 * 10 * 1'000'000'000ull / 115'200 + 1;
}  // namespace

TEST_CASE("uart: the divisor latch hides behind DLAB, the scratch register keeps what it is given") {
  Bench b;
  b.out(3, 0x83);
  b.out(0, 0x34);
  b.out(1, 0x12);
  CHECK(b.in(0) == 0x34);
  CHECK(b.in(1) == 0x12);
  b.out(3, 0x03);
  CHECK(b.in(1) == 0);
  CHECK(b.sink.text.empty());
  b.out(7, 0x5a);
  CHECK(b.in(7) == 0x5a);
}

TEST_CASE("uart: a polled driver finds the transmitter empty and its text at the other end") {
  Bench b;
  b.set_up(0x01);
  for (const char c : std::string("hello")) {
    CHECK((b.in(5) & 0x60) == 0x60);
    b.out(0, static_cast<u8>(c));
  }
  CHECK(b.sink.text == "hello");
  CHECK(b.irq.rises == 0);
}

TEST_CASE("uart: enabling THRE's interrupt raises it, reading IIR or writing THR answers it") {
  Bench b;
  b.set_up(0x01);
  b.out(1, 0x02);
  CHECK(b.irq.level);
  CHECK(b.in(2) == 0xc2);
  CHECK_FALSE(b.irq.level);
  CHECK(b.in(2) == 0xc1);
  b.out(0, 'x');  // empty again at once: a new interrupt
  CHECK(b.irq.level);
  CHECK(b.irq.rises == 2);
}

TEST_CASE("uart: the interrupt sources have the data sheet's priorities") {
  Bench b;
  b.set_up(0x01);
  b.out(1, 0x0f);
  b.uart.set_modem_lines(0xa0);  // CTS goes
  CHECK(b.uart.input('a'));
  CHECK(b.uart.input_break());
  CHECK(b.in(2) == 0xc4);  // the break is not on top yet
  CHECK((b.in(5) & 0x80) != 0);
  CHECK(b.in(0) == 'a');
  CHECK(b.in(2) == 0xc6);
  CHECK((b.in(5) & 0x11) == 0x11);
  CHECK(b.in(2) == 0xc4);
  CHECK(b.in(0) == 0);
  CHECK(b.in(2) == 0xc2);
  CHECK(b.in(2) == 0xc0);
  CHECK(b.in(6) == 0xa1);
  CHECK(b.in(2) == 0xc1);
  CHECK_FALSE(b.irq.level);
}

TEST_CASE("uart: the receive FIFO interrupts at its trigger level, or after four characters of silence") {
  Bench b;
  b.set_up(0x81);  // trigger level 8
  b.out(1, 0x01);
  for (int i = 0; i < 7; ++i) CHECK(b.uart.input(static_cast<u8>(i)));
  CHECK_FALSE(b.irq.level);
  b.clock.advance(four_characters - 2);
  CHECK_FALSE(b.irq.level);
  b.clock.advance(2);
  CHECK(b.irq.level);
  CHECK(b.in(2) == 0xcc);
  b.in(0);
  CHECK_FALSE(b.irq.level);  // a read ends the timeout
  b.uart.input(7);
  b.uart.input(8);
  CHECK(b.in(2) == 0xc4);
  for (int i = 1; i <= 8; ++i) CHECK(b.in(0) == i);
  CHECK_FALSE(b.irq.level);
  b.clock.advance(10 * four_characters);
  CHECK_FALSE(b.irq.level);  // nothing left to time out
}

TEST_CASE("uart: a full receiver refuses the host's byte; 16 with the FIFO, 1 without") {
  Bench b;
  b.set_up(0x01);
  for (int i = 0; i < 16; ++i) CHECK(b.uart.input('a'));
  CHECK_FALSE(b.uart.input('b'));
  CHECK((b.in(5) & 0x02) == 0);  // refused is not lost
  b.out(2, 0x03);                // clears the FIFO
  CHECK((b.in(5) & 0x01) == 0);
  b.out(2, 0x00);
  CHECK(b.in(2) == 0x01);
  CHECK(b.uart.input('c'));
  CHECK_FALSE(b.uart.input('d'));
  CHECK(b.in(0) == 'c');
}

TEST_CASE("uart: loopback turns the data and the modem lines around, and keeps both from the world") {
  Bench b;
  b.set_up(0x01);
  b.out(4, 0x1a);
  CHECK((b.in(6) & 0xf0) == 0x90);  // RTS to CTS, OUT2 to DCD
  b.out(4, 0x15);
  CHECK((b.in(6) & 0xf0) == 0x60);
  b.out(4, 0x10);
  CHECK((b.in(6) & 0x04) != 0);  // the ring's trailing edge
  for (int i = 0; i < 17; ++i) b.out(0, static_cast<u8>(i));
  CHECK(b.sink.text.empty());
  CHECK_FALSE(b.uart.input('x'));
  CHECK((b.in(5) & 0x03) == 0x03);  // the 17th overran
  CHECK((b.in(5) & 0x03) == 0x01);
  for (int i = 0; i < 16; ++i) CHECK(b.in(0) == i);
}

TEST_CASE("uart: OUT2 gates the interrupt line") {
  Bench b;
  b.set_up(0x01);
  b.out(4, 0x03);
  b.out(1, 0x01);
  b.uart.input('a');
  CHECK(b.in(2) == 0xc4);
  CHECK_FALSE(b.irq.level);
  b.out(4, 0x0b);
  CHECK(b.irq.level);
}

TEST_CASE("uart: a restored chip times out as the saved one would have") {
  Bench a, b;
  a.set_up(0x81);
  a.out(1, 0x01);
  a.uart.input('q');
  auto saved = Snapshot::of(a.uart);
  CHECK(saved.into(b.uart));
  b.clock.advance(four_characters);
  CHECK(b.irq.level);
  CHECK(b.in(0) == 'q');
  CHECK(Snapshot::of(a.uart).names == saved.names);
}
