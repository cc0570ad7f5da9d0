// Owns the test of the 8259A pair: initialisation, priorities, end-of-interrupt modes, polling, spurious
// vectors.
#include "devices/pic/pic8259.h"

#include <doctest/doctest.h>

#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
struct Bench {
  FakeLine intr;
  PicPair pic{intr};
  PortBus bus;

  Bench() {
    PortsOf(bus, pic);
    initialise(0x01);
  }
  void initialise(u8 master_icw4) {
    out(0x20, 0x11), out(0x21, 0x30), out(0x21, 0x04), out(0x21, master_icw4);
    out(0xa0, 0x11), out(0xa1, 0x38), out(0xa1, 0x02), out(0xa1, 0x01);
  }
  u8 in(u16 port) { return static_cast<u8>(bus.port_read(port, 1)); }
  void out(u16 port, u8 value) { bus.port_write(port, 1, value); }
  void pulse(unsigned irq) {
    pic.line(irq).set(false);
    pic.line(irq).set(true);
  }
  u8 isr() {
    out(0x20, 0x0b);
    return in(0x20);
  }
};
}  // namespace

TEST_CASE("pic: an edge makes one interrupt, with the vector of ICW2") {
  Bench b;
  b.pulse(1);
  CHECK(b.intr.level);
  CHECK(b.pic.pending());
  CHECK(b.pic.acknowledge() == 0x31);
  CHECK_FALSE(b.intr.level);
  CHECK(b.isr() == 0x02);
  b.out(0x20, 0x20);
  CHECK(b.isr() == 0);
  CHECK_FALSE(b.intr.level);  // the line is still high: no second edge
  b.pulse(1);
  CHECK(b.pic.pending());
}

TEST_CASE("pic: IRR and ISR are chosen by OCW3, IMR is at the odd port") {
  Bench b;
  b.out(0x21, 0xfb);
  CHECK(b.in(0x21) == 0xfb);
  b.pulse(3);
  b.out(0x20, 0x0a);
  CHECK(b.in(0x20) == 0x08);
  CHECK_FALSE(b.pic.pending());
  b.out(0x21, 0x00);
  CHECK(b.pic.acknowledge() == 0x33);
  CHECK(b.in(0x20) == 0x00);
  CHECK(b.isr() == 0x08);
}

TEST_CASE("pic: a higher input interrupts a lower one's service, not the other way about") {
  Bench b;
  b.pulse(4);
  CHECK(b.pic.acknowledge() == 0x34);
  b.pulse(6);
  CHECK_FALSE(b.pic.pending());
  b.pulse(0);
  CHECK(b.pic.acknowledge() == 0x30);
  b.out(0x20, 0x20);
  CHECK(b.isr() == 0x10);  // a non-specific EOI ends the highest
  CHECK_FALSE(b.pic.pending());
  b.out(0x20, 0x64);
  CHECK(b.pic.acknowledge() == 0x36);
}

TEST_CASE("pic: the slave's inputs come through the cascade, ranked between IRQ 1 and 3") {
  Bench b;
  b.pulse(3);
  b.pulse(12);
  b.pulse(8);
  CHECK(b.pic.acknowledge() == 0x38);
  CHECK(b.isr() == 0x04);
  CHECK_FALSE(b.pic.pending());
  b.out(0xa0, 0x20);
  b.out(0x20, 0x20);
  CHECK(b.pic.acknowledge() == 0x3c);
  b.out(0xa0, 0x20);
  b.out(0x20, 0x20);
  CHECK(b.pic.acknowledge() == 0x33);
}

TEST_CASE("pic: without special fully nested mode the slave cannot interrupt itself, with it it can") {
  Bench b;
  b.pulse(12);
  b.pic.acknowledge();
  b.pulse(8);
  CHECK_FALSE(b.pic.pending());
  Bench s;
  s.initialise(0x11);
  s.pulse(12);
  s.pic.acknowledge();
  s.pulse(8);
  CHECK(s.pic.acknowledge() == 0x38);
  CHECK(s.pic.slave().isr() == 0x11);
}

TEST_CASE("pic: a request that goes away before the acknowledge becomes a spurious input 7") {
  Bench b;
  b.pulse(5);
  b.pic.line(5).set(false);
  CHECK_FALSE(b.pic.pending());
  CHECK(b.pic.acknowledge() == 0x37);
  CHECK(b.isr() == 0);  // input 7 is not in service: handlers find out by that
}

TEST_CASE("pic: the slave's spurious interrupt is IRQ 15, and the master does have the cascade in service") {
  Bench b;
  Pic8259 chip(true);
  chip.write(false, 0x11), chip.write(true, 0x30), chip.write(true, 0x04), chip.write(true, 0x01);
  chip.set_input(2, true);
  CHECK(chip.acknowledge() == 2);
  CHECK(chip.isr() == 4);
  // In the pair: the slave's only request is masked between its INT and the acknowledge.
  b.out(0x21, 0x04);
  b.pulse(9);
  b.out(0xa1, 0xff);
  b.out(0x21, 0x00);
  CHECK_FALSE(b.pic.pending());
}

TEST_CASE("pic: level-triggered inputs ask until the line falls") {
  Bench b;
  b.out(0x4d0, 0xff);
  b.out(0x4d1, 0xff);
  CHECK(b.in(0x4d0) == 0xf8);
  CHECK(b.in(0x4d1) == 0xde);
  b.pic.line(11).set(true);
  CHECK(b.pic.acknowledge() == 0x3b);
  b.out(0xa0, 0x20);
  b.out(0x20, 0x20);
  CHECK(b.pic.acknowledge() == 0x3b);
  b.pic.line(11).set(false);
  b.out(0xa0, 0x20);
  b.out(0x20, 0x20);
  CHECK_FALSE(b.pic.pending());
}

TEST_CASE("pic: automatic EOI leaves nothing in service, and may rotate") {
  Bench b;
  b.initialise(0x03);
  b.pulse(2 + 1);
  CHECK(b.pic.acknowledge() == 0x33);
  CHECK(b.isr() == 0);
  b.out(0x20, 0x80);  // rotate in automatic EOI mode
  b.pulse(0);
  CHECK(b.pic.acknowledge() == 0x30);
  b.pulse(0);
  b.pulse(1);
  CHECK(b.pic.acknowledge() == 0x31);  // 0 is now the lowest
}

TEST_CASE("pic: rotation makes the served input the lowest; set priority names the lowest") {
  Bench b;
  b.pulse(3);
  b.pic.acknowledge();
  b.out(0x20, 0xa0);  // rotate on non-specific EOI
  b.pulse(3);
  b.pulse(7);
  CHECK(b.pic.acknowledge() == 0x37);
  b.out(0x20, 0xe7);  // rotate on specific EOI of 7
  b.out(0x20, 0xc5);  // 5 is the lowest, so 6 is the highest
  b.pulse(6);
  CHECK(b.pic.acknowledge() == 0x36);
}

TEST_CASE("pic: in special mask mode a masked input in service holds nobody back") {
  Bench b;
  b.pulse(1);
  b.pic.acknowledge();
  b.pulse(5);
  CHECK_FALSE(b.pic.pending());
  b.out(0x21, 0x02);
  b.out(0x20, 0x68);
  CHECK(b.pic.acknowledge() == 0x35);
  b.out(0x20, 0x20);  // does not end the masked one
  CHECK(b.isr() == 0x02);
  b.out(0x20, 0x48);
  b.out(0x20, 0x20);
  CHECK(b.isr() == 0);
}

TEST_CASE("pic: a poll is an acknowledge by software") {
  Bench b;
  b.out(0x20, 0x0c);
  CHECK(b.in(0x20) == 0x00);
  b.pulse(4);
  b.out(0x20, 0x0c);
  CHECK(b.in(0x20) == 0x84);
  CHECK(b.isr() == 0x10);
  CHECK_FALSE(b.intr.level);
}

TEST_CASE("pic: ICW1 clears masks and edges, and a line that stayed high makes no new edge") {
  Bench b;
  b.pulse(6);
  b.out(0x21, 0xff);
  b.initialise(0x01);
  CHECK(b.in(0x21) == 0);
  CHECK_FALSE(b.pic.pending());
}

TEST_CASE("pic: saved and restored in the middle of a service") {
  Bench a, b;
  a.pulse(4);
  a.pic.acknowledge();
  a.pulse(1);
  auto saved = Snapshot::of(a.pic);
  CHECK(saved.into(b.pic));
  CHECK(b.pic.pending());
  CHECK(b.pic.acknowledge() == 0x31);
  CHECK(b.isr() == 0x12);
}
