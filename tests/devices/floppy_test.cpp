// Owns the test of the floppy disk controller and of ISA DMA behind it.
#include <doctest/doctest.h>

#include "devices/block/memory_block.h"
#include "devices/dma/dma8237.h"
#include "devices/floppy/fdc82077.h"
#include "tests/devices/fakes.h"

using namespace ringside;

namespace {

struct Bench {
  FakeClock clock;
  FakeMemory memory;
  FakeLine line;
  PortBus bus;
  Dma8237 dma{&memory};
  MemoryBlock disk{numbered()};
  Fdc82077 floppy{clock, line, dma, {&disk, nullptr}};

  Bench() {
    PortsOf(bus, dma), PortsOf(bus, floppy);
    dma.reset(ResetKind::power_on);
    floppy.reset(ResetKind::power_on);
  }
  static std::vector<u8> numbered() {
    std::vector<u8> bytes(2880 * 512);
    for (std::size_t n = 0; n < bytes.size(); ++n)
      bytes[n] = static_cast<u8>(n % 512 == 0 ? n / 512 : n / 512 >> 8);
    return bytes;
  }
  void fields(Fields& visit) { floppy.fields(visit), dma.fields(visit); }
  void restored() { floppy.restored(); }
  void out(u16 port, u32 value) { bus.port_write(port, 1, value); }
  u8 in(u16 port) { return static_cast<u8>(bus.port_read(port, 1)); }

  void say(std::initializer_list<u8> bytes) {
    for (const u8 byte : bytes) {
      CHECK((in(0x3f4) & 0xc0) == 0x80);
      out(0x3f5, byte);
    }
  }
  std::vector<u8> result() {
    std::vector<u8> bytes;
    for (int n = 0; n < 20 && (in(0x3f4) & 0xc0) == 0xc0; ++n) bytes.push_back(in(0x3f5));
    return bytes;
  }
  void wake() {
    out(0x3f2, 0x00), out(0x3f2, 0x1c);
    CHECK(line.level);
    for (u8 n = 0; n < 4; ++n) {
      say({0x08});
      CHECK(result() == std::vector<u8>{static_cast<u8>(0xc0 | n), 0});
    }
    CHECK_FALSE(line.level);
  }
  void seek(u8 cylinder) {
    say({0x0f, 0, cylinder});
    clock.advance(100'000'000);
    CHECK(line.level);
    say({0x08});
    CHECK(result() == std::vector<u8>{0x20, cylinder});
  }
  void channel(u16 address, u32 bytes, u8 mode = 0x46) {
    out(0x0a, 6), out(0x0c, 0), out(0x0b, mode);
    out(0x04, address & 0xff), out(0x04, address >> 8), out(0x81, 0);
    out(0x05, (bytes - 1) & 0xff), out(0x05, (bytes - 1) >> 8 & 0xff);
    out(0x0a, 2);
  }
  std::vector<u8> read(u8 cylinder, u8 head, u8 sector, u8 last = 18) {
    say({0xe6, static_cast<u8>(head << 2), cylinder, head, sector, 2, last, 27, 0xff});
    clock.advance(100'000'000);
    CHECK(line.level);
    return result();
  }
};

}  // namespace

TEST_CASE("floppy: sectors go to memory by DMA, over the end of a track") {
  Bench b;
  b.wake();
  CHECK((b.in(0x3f7) & 0x80) != 0);
  b.seek(3);
  CHECK((b.in(0x3f7) & 0x80) == 0);
  b.channel(0x2000, 3 * 512);
  // Head 0, sector 17 of cylinder 3: two sectors there, one on the other side.
  CHECK(b.read(3, 0, 17) == std::vector<u8>{0x04, 0, 0, 3, 1, 2, 2});
  CHECK_FALSE(b.line.level);
  const unsigned first = 3 * 36 + 16;
  for (unsigned n = 0; n < 3; ++n) CHECK(b.memory.ram[0x2000 + 512 * n] == first + n);
  CHECK(b.memory.ram[0x2000 + 3 * 512] == 0);
  CHECK((b.in(0x08) & 0x04) != 0);  // terminal count, until it is read
  CHECK((b.in(0x08) & 0x04) == 0);
  CHECK((b.in(0x0f) & 0x04) != 0);  // and the channel is masked
}

TEST_CASE("floppy: at the end of the second side the result is where the next cylinder begins") {
  Bench b;
  b.wake();
  b.seek(3);
  b.channel(0x2000, 512);
  CHECK(b.read(3, 1, 18) == std::vector<u8>{0x04, 0, 0, 4, 0, 1, 2});
}

TEST_CASE("floppy: what cannot be read says why") {
  Bench b;
  b.wake();
  b.seek(0);
  b.channel(0x2000, 512);
  CHECK(b.read(0, 0, 19)[1] == 0x04);
  CHECK(b.read(5, 0, 1)[1] == 0x04);
  b.out(0x0a, 6);
  CHECK(b.read(0, 0, 1)[1] == 0x10);
  b.channel(0x2000, 0x8000);
  const std::vector<u8> end = b.read(0, 1, 18);
  CHECK((end[0] & 0xc0) == 0x40);
  CHECK(end[1] == 0x80);
  b.say({0xc5, 0, 0, 0, 1, 2, 18, 27, 0xff});
  CHECK(b.result()[1] == 0x02);
  b.say({0x00});
  CHECK(b.result() == std::vector<u8>{0x80});
}

TEST_CASE("floppy: a saved controller finishes its command") {
  Bench b, other;
  b.wake();
  b.channel(0x3000, 512);
  b.say({0xe6, 0, 0, 0, 5, 2, 18, 27, 0xff});
  auto saved = Snapshot::of(b);
  other.clock.now_ = b.clock.now_;
  CHECK(saved.into(other));
  for (Bench* bench : {&b, &other}) {
    bench->clock.advance(100'000'000);
    CHECK(bench->result()[1] == 0);
    CHECK(bench->memory.ram[0x3000] == 4);
  }
}

TEST_CASE("floppy: the kinds of disks go by their sizes") {
  CHECK(floppy_kind_of(720)->cmos == 1);
  CHECK(floppy_kind_of(2532)->cmos == 4);
  CHECK(floppy_kind_of(2880)->track_sectors == 18);
  CHECK_FALSE(floppy_kind_of(5761).has_value());
}
