// Owns the test of the I/O APIC: registers, edges, levels and remote IRR, masks, EOI in its three forms.
#include "devices/apic/io_apic.h"

#include <random>

#include "tests/devices/apic_fixture.h"

using namespace ringside;
using namespace ringside::apic_test;
namespace reg = ringside::apic_register;

namespace {
constexpr u32 level = 1u << 15, masked = 1u << 16, logical = 1u << 11, remote_irr = 1u << 14;

struct Board : Machine {
  IoApic io{bus};
  explicit Board(unsigned cpus_wanted = 1) : Machine(cpus_wanted) {}
  u32 read(u8 index) {
    io.mmio_write(0, 4, index);
    return static_cast<u32>(io.mmio_read(0x10, 4));
  }
  void write(u8 index, u32 value) {
    io.mmio_write(0, 4, index);
    io.mmio_write(0x10, 4, value);
  }
  void route(unsigned pin, u32 low, u8 destination = 0) {
    write(static_cast<u8>(0x11 + 2 * pin), u32{destination} << 24);
    write(static_cast<u8>(0x10 + 2 * pin), low);
  }
  u32 low(unsigned pin) { return read(static_cast<u8>(0x10 + 2 * pin)); }
  void pulse(unsigned pin) {
    io.pin(pin).set(true);
    io.pin(pin).set(false);
  }
};
}  // namespace

TEST_CASE("registers: ID, version, arbitration, table") {
  Board b;
  CHECK(b.read(1) == 0x00170020);
  b.write(1, ~0u);
  CHECK(b.read(1) == 0x00170020);
  b.write(0, ~0u);
  CHECK(b.read(0) == 0x0f000000);
  CHECK(b.read(2) == 0x0f000000);
  b.write(2, 0);
  CHECK(b.read(2) == 0x0f000000);
  for (u8 pin = 0; pin < 24; ++pin) {
    CHECK(b.low(pin) == masked);
    CHECK(b.read(static_cast<u8>(0x11 + 2 * pin)) == 0);
    b.route(pin, ~0u, 0xff);
    CHECK(b.low(pin) == 0x1afff);  // delivery status and remote IRR are read-only; polarity is kept
    CHECK(b.read(static_cast<u8>(0x11 + 2 * pin)) == 0xff000000);
  }
  b.write(0x40, ~0u);
  CHECK(b.read(0x40) == 0);
  CHECK(b.read(3) == 0);
}

TEST_CASE("widths: the select register takes bytes, the window only doublewords") {
  Board b;
  b.io.mmio_write(0, 1, 0x01);
  CHECK(b.io.mmio_read(0, 4) == 0x01);
  CHECK(b.io.mmio_read(0x10, 1) == 0x20);
  CHECK(b.io.mmio_read(0x12, 1) == 0x17);
  CHECK(b.io.mmio_read(0x10, 8) == 0x00170020);
  CHECK(b.io.mmio_read(0x14, 4) == 0);
  CHECK(b.io.mmio_read(0x20, 4) == 0);
  b.io.mmio_write(0, 1, 0x10);
  b.io.mmio_write(0x10, 1, 0x33);
  b.io.mmio_write(0x10, 2, 0x33);
  b.io.mmio_write(0x11, 4, 0x33);
  CHECK(b.low(0) == masked);
  b.io.mmio_write(0x10, 8, 0x10033);
  CHECK(b.low(0) == 0x10033);
}

TEST_CASE("edge: one interrupt a rise; a masked edge is lost") {
  Board b;
  b.route(14, 0x76);
  b.io.pin(14).set(true);
  b.io.pin(14).set(true);
  CHECK(Machine::service(b[0]) == 0x76);
  CHECK_FALSE(b[0].pending());
  b.io.pin(14).set(true);  // no rise
  CHECK_FALSE(b[0].pending());
  CHECK((b.low(14) & remote_irr) == 0);
  b.io.pin(14).set(false);
  b.route(14, 0x76 | masked);
  b.pulse(14);
  b.io.pin(14).set(true);
  b.route(14, 0x76);
  CHECK_FALSE(b[0].pending());
  b.io.pin(14).set(false);
  b.io.pin(14).set(true);
  CHECK(Machine::service(b[0]) == 0x76);
}

TEST_CASE("level: remote IRR from acceptance to EOI, again while the line is high") {
  Board b;
  b.route(14, 0x77 | level);
  CHECK_FALSE(b[0].pending());
  b.io.pin(14).set(true);
  CHECK(b.low(14) == (0x77 | level | remote_irr));
  b.io.pin(14).set(false);
  b.io.pin(14).set(true);  // coalesces
  CHECK(b[0].acknowledge() == 0x77);
  CHECK((Machine::read(b[0], reg::TMR + 0x30) >> 0x17 & 1) == 1);
  CHECK_FALSE(b[0].pending());
  Machine::write(b[0], reg::EOI, 0);
  CHECK(b.low(14) == (0x77 | level | remote_irr));
  CHECK(b[0].acknowledge() == 0x77);
  b.io.pin(14).set(false);
  Machine::write(b[0], reg::EOI, 0);
  CHECK(b.low(14) == (0x77 | level));
  CHECK_FALSE(b[0].pending());
}

TEST_CASE("level: masks hold it back and let it through") {
  Board b;
  b.route(14, 0x82 | level | masked);
  b.io.pin(14).set(true);
  CHECK_FALSE(b[0].pending());
  b.route(14, 0x82 | level);
  CHECK(b[0].acknowledge() == 0x82);
  b.route(14, 0x82 | level | masked);
  CHECK(b.low(14) == (0x82 | level | masked | remote_irr));
  Machine::write(b[0], reg::EOI, 0);
  CHECK_FALSE(b[0].pending());
  CHECK(b.low(14) == (0x82 | level | masked));
  b.route(14, 0x82 | level);
  CHECK(Machine::service(b[0]) == 0x82);
}

TEST_CASE("a new destination while remote IRR is set: the EOI still ends it") {
  Board b(2);
  b.route(13, 0x64 | level, 0);
  b.io.pin(13).set(true);
  b.io.pin(13).set(false);
  CHECK(b[0].acknowledge() == 0x64);
  b.write(0x10 + 2 * 13 + 1, 1u << 24);
  CHECK((b.low(13) & remote_irr) != 0);
  Machine::write(b[0], reg::EOI, 0);
  CHECK((b.low(13) & remote_irr) == 0);
  b.io.pin(13).set(true);
  CHECK_FALSE(b[0].pending());
  CHECK(b[1].acknowledge() == 0x64);
}

TEST_CASE("the EOI register ends what a suppressed broadcast left; a turn to edge does too") {
  Board b;
  Machine::write(b[0], reg::SVR, 0x11ff);
  b.route(5, 0x55 | level);
  b.io.pin(5).set(true);
  b.io.pin(5).set(false);
  Machine::service(b[0]);
  CHECK((b.low(5) & remote_irr) != 0);
  b.io.mmio_write(0x40, 4, 0x56);  // another vector
  CHECK((b.low(5) & remote_irr) != 0);
  b.io.mmio_write(0x40, 4, 0x55);
  CHECK((b.low(5) & remote_irr) == 0);
  b.io.pin(5).set(true);
  CHECK((b.low(5) & remote_irr) != 0);
  b.io.pin(5).set(false);
  b.route(5, 0x55);
  b.route(5, 0x55 | level);
  CHECK((b.low(5) & remote_irr) == 0);
}

TEST_CASE("delivery modes other than fixed are edges; reserved ones do nothing") {
  Board b(2);
  b.route(1, level | 0x400, 1);
  b.io.pin(1).set(true);
  CHECK(b.cpus[1]->nmis == 1);
  CHECK((b.low(1) & remote_irr) == 0);
  b.route(2, 0x200, 1);
  b.pulse(2);
  CHECK(b.cpus[1]->smis == 1);
  b.route(3, 0x500, 1);
  b.pulse(3);
  CHECK(b.cpus[1]->inits == 1);
  b.route(4, 0x300, 1);
  b.pulse(4);
  b.route(4, 0x600, 1);
  b.pulse(4);
  CHECK(b.cpus[1]->start_ups.empty());
  b[1].on_pic_acknowledge([] { return u8{0x21}; });
  b.route(0, 0x700, 1);
  b.pulse(0);
  CHECK(b[1].pending());
  CHECK(b[1].acknowledge() == 0x21);
  CHECK_FALSE(b[1].pending());
}

TEST_CASE("a level that nobody accepts asks again when its entry is written") {
  Board b;
  b.route(9, 0x99 | level, 7);
  b.io.pin(9).set(true);
  CHECK((b.low(9) & remote_irr) == 0);
  b.route(9, 0x99 | level, 0);
  CHECK((b.low(9) & remote_irr) != 0);
  CHECK(b[0].acknowledge() == 0x99);
}

TEST_CASE("logical destinations reach several x2APICs") {
  Board b(4);
  for (unsigned i = 0; i < 4; ++i) Machine::x2apic(b[i]);
  b.route(14, 0x86 | level | logical, 0x0d);
  b.io.pin(14).set(true);
  b.io.pin(14).set(false);
  CHECK_FALSE(b[1].pending());
  for (unsigned i : {0u, 2u, 3u}) CHECK(Machine::service(b[i]) == 0x86);
  CHECK((b.low(14) & remote_irr) == 0);
}

TEST_CASE("reset masks all and keeps the wires; state survives a round trip") {
  Board b;
  b.io.pin(7).set(true);
  b.route(7, 0x70 | level);
  b.write(0, 0x05000000);
  Store store;
  b.io.fields(store);
  Board c;
  store.load = true;
  c.io.fields(store);
  CHECK(store.at == store.data.size());
  for (unsigned i = 0; i < 0x60; ++i) CHECK(c.io.peek(static_cast<u8>(i)) == b.io.peek(static_cast<u8>(i)));
  c.io.eoi(0x70);
  CHECK(c[0].pending());  // the wire's level came along
  b.io.reset(ResetKind::warm);
  CHECK(b.low(7) == masked);
  CHECK(b.read(0) == 0);
  Machine::service(b[0]);
  b.route(7, 0x70 | level);
  CHECK(b[0].pending());
}

TEST_CASE("a hostile guest: any offset, width and value") {
  std::mt19937_64 random(30);
  Board b(2);
  for (unsigned step = 0; step < 100000; ++step) {
    const unsigned size = 1u << (random() % 4);
    switch (random() % 6) {
      case 0: b.io.mmio_read(random() % 0x1000, size); break;
      case 1: b.io.mmio_write(random() % 0x1000, size, random()); break;
      case 2: b.write(static_cast<u8>(random()), static_cast<u32>(random())); break;
      case 3: b.read(static_cast<u8>(random())); break;
      case 4: b.io.set(static_cast<unsigned>(random() % 40), random() & 1); break;
      case 5: Machine::service(b[random() % 2]); break;
    }
  }
  for (unsigned pin = 0; pin < 24; ++pin) CHECK((b.io.entry(pin) & 0x00fffffffffe1000) == 0);
}
