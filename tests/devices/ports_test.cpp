// Owns the test of the I/O bus: routing, splitting and unclaimed ports.
#include "devices/bus/ports.h"

#include <doctest/doctest.h>

using namespace ringside;

namespace {
struct Chip : PortDevice {
  u8 bytes[4] = {1, 2, 3, 4};
  u32 io_read(u16 offset, unsigned) override { return bytes[offset]; }
  void io_write(u16 offset, unsigned, u32 value) override { bytes[offset] = static_cast<u8>(value); }
};
}  // namespace

TEST_CASE("a wide access to a byte-wide chip is split, lowest byte first") {
  PortBus bus;
  Chip chip;
  bus.map({0x60, 4}, chip, "chip");
  CHECK(bus.port_read(0x60, 4) == 0x04030201);
  bus.port_write(0x61, 2, 0xbbaa);
  CHECK(chip.bytes[1] == 0xaa);
  CHECK(chip.bytes[2] == 0xbb);
}

TEST_CASE("nobody at home reads as ones, also for the part of an access that leaves a chip") {
  PortBus bus;
  Chip chip;
  bus.map({0x60, 4}, chip, "chip");
  CHECK(bus.port_read(0x80, 4) == 0xffffffff);
  CHECK(bus.port_read(0x63, 2) == 0xff04);
}
