// Owns the tests of the graphics card alone: planes, register files, palette, retraces, the display
// interface.
#include <doctest/doctest.h>

#include <numeric>

#include "devices/vga/edid.h"
#include "devices/vga/picture.h"
#include "devices/vga/planes.h"
#include "devices/vga/vga.h"
#include "tests/devices/fakes.h"

using namespace ringside;

namespace {

struct Bench {
  // The card on a bus of its own, with its BARs where firmware may put them.
  struct Attach final : Places {
    Bench& bench;
    explicit Attach(Bench& b) : bench(b) {}
    void ports(PortSpan span, PortDevice& device, std::string_view name) override {
      bench.bus.map(span, device, std::string(name));
    }
    void memory(HostPhys base, u64 bytes, MmioDevice& device, std::string_view name) override {
      bench.memory.add_mmio(base, bytes, device, std::string(name));
    }
  };
  static constexpr u64 framebuffer = 0xe0000000, registers = 0xe1000000;

  PortBus bus;
  PhysicalMemory memory;
  FakeClock clock;
  Vga vga{memory, clock, {}};

  Bench() {
    Attach attach(*this);
    vga.places(attach);
    vga.reset(ResetKind::power_on);
    vga.config_write(0x10, 4, framebuffer);
    vga.config_write(0x18, 4, registers);
    vga.config_write(0x04, 2, 2);
  }
  u32 in(u16 port, unsigned size = 1) { return bus.port_read(port, size); }
  void out(u16 port, u32 value, unsigned size = 1) { bus.port_write(port, size, value); }
  void indexed(u16 port, u8 index, u8 value) { out(port, index | value << 8, 2); }
  void dispi(u16 index, u16 value) {
    out(0x1ce, index, 2);
    out(0x1cf, value, 2);
  }
  u16 dispi(u16 index) {
    out(0x1ce, index, 2);
    return static_cast<u16>(in(0x1cf, 2));
  }
  void mode(u16 width, u16 height, u16 depth, u16 flags = 0x41) {
    dispi(Dispi::enable, 0);
    dispi(Dispi::width, width);
    dispi(Dispi::height, height);
    dispi(Dispi::depth, depth);
    dispi(Dispi::enable, flags);
  }
  void poke(u32 offset, u8 value) { memory.write(HostPhys(0xa0000 + offset), 1, value); }
  u8 peek(u32 offset) { return static_cast<u8>(memory.read(HostPhys(0xa0000 + offset), 1)); }
  // 640x480 in 16 colours, as far as memory is concerned: planar, at A0000H.
  void planar() {
    indexed(0x3c4, 2, 0x0f);
    indexed(0x3c4, 4, 0x06);
    for (u8 n = 0; n < 9; ++n) indexed(0x3ce, n, n == 8 ? 0xff : n == 7 ? 0x0f : n == 6 ? 0x05 : 0);
  }
  // The window as a whole, by bytes, in the mode that there is.
  void clear() {
    for (u32 at = 0; at < Vga::window_bytes; ++at) poke(at, 0);
  }
  Picture picture() { return picture_of(vga.state(), vga.video_memory(), {}); }
  std::vector<std::string> text() { return text_of(vga.state(), vga.video_memory()); }
};

}  // namespace

TEST_CASE("a reset leaves text mode 3: 80 by 25, and what is written to B8000H is on the screen") {
  Bench b;
  const std::string words = "Ringside";
  for (u32 n = 0; n < words.size(); ++n)
    b.memory.write(HostPhys(0xb8000 + 160 + 2 * n), 2, 0x1f00u | words[n]);
  const auto rows = b.text();
  REQUIRE(rows.size() == 25);
  CHECK(rows[0] == "");
  CHECK(rows[1] == "Ringside");
  const Picture picture = b.picture();
  CHECK(picture.width == 720);
  CHECK(picture.height == 400);
  CHECK(picture.dots[16 * 720] == 0x0000aa);  // blue, above the letter
  CHECK(std::count(picture.dots.begin(), picture.dots.end(), 0xffffffu) > 8);
  b.memory.write(HostPhys(0xb8000), 1, 0xc4);
  CHECK(b.text()[0] == "\u2500");
}

TEST_CASE("the cursor is where the CRTC says, and blinks; text with bit 7 blinks if the mode says so") {
  Bench b;
  b.indexed(0x3d4, 0x0f, 1);
  const Picture with = b.picture();
  const Picture without = picture_of(b.vga.state(), b.vga.video_memory(), {false, true});
  CHECK(with.dots[13 * 720 + 9] == 0xaaaaaa);
  CHECK(without.dots[13 * 720 + 9] == 0);
  CHECK(with.dots[12 * 720 + 9] == 0);
  b.indexed(0x3d4, 0x0a, 0x20);
  CHECK(b.picture() == without);
  b.memory.write(HostPhys(0xb8000), 2, 0x87db);
  CHECK(picture_of(b.vga.state(), b.vga.video_memory(), {true, true}).dots[0] == 0xaaaaaa);
  CHECK(picture_of(b.vga.state(), b.vga.video_memory(), {true, false}).dots[0] == 0);
  CHECK(blink_at(0).cursor);
  CHECK_FALSE(blink_at(16).cursor);
  CHECK_FALSE(blink_at(32).text);
}

TEST_CASE("write mode 0: rotate, set/reset, bit mask, map mask and the four functions") {
  Bench b;
  b.planar();
  b.poke(0, 0xa5);
  CHECK(b.vga.video_memory()[0] == 0xa5);
  CHECK(b.vga.video_memory()[3] == 0xa5);
  b.indexed(0x3c4, 2, 0x05);
  b.poke(0, 0xff);
  CHECK(b.vga.video_memory()[0] == 0xff);
  CHECK(b.vga.video_memory()[1] == 0xa5);
  b.indexed(0x3c4, 2, 0x0f);
  b.indexed(0x3ce, 3, 0x04);
  b.poke(1, 0x12);
  CHECK(b.vga.video_memory()[4] == 0x21);
  b.indexed(0x3ce, 3, 0x00);
  b.indexed(0x3ce, 1, 0x03);
  b.indexed(0x3ce, 0, 0x01);
  b.poke(2, 0x3c);
  CHECK(b.vga.video_memory()[8] == 0xff);
  CHECK(b.vga.video_memory()[9] == 0x00);
  CHECK(b.vga.video_memory()[10] == 0x3c);
  b.indexed(0x3ce, 1, 0);
  b.indexed(0x3ce, 8, 0x0f);
  b.poke(3, 0x00), b.poke(3, 0x00);
  b.peek(2);
  b.poke(3, 0xff);
  CHECK(b.vga.video_memory()[12] == 0xff);
  CHECK(b.vga.video_memory()[13] == 0x0f);
  CHECK(b.vga.video_memory()[14] == 0x3f);
  // AND, OR and XOR with the latch, which holds 3cH of plane 2 still.
  b.indexed(0x3ce, 8, 0xff);
  const u8 expected[] = {0x3c & 0x5a, 0x3c | 0x5a, 0x3c ^ 0x5a};
  for (u8 function = 1; function <= 3; ++function) {
    b.indexed(0x3ce, 3, static_cast<u8>(function << 3));
    b.peek(2);
    b.poke(4, 0x5a);
    CHECK(b.vga.video_memory()[18] == expected[function - 1]);
  }
}

TEST_CASE("write modes 1, 2 and 3; read modes 0 and 1") {
  Bench b;
  b.planar();
  for (u8 plane = 0; plane < 4; ++plane) {
    b.indexed(0x3c4, 2, static_cast<u8>(1 << plane));
    b.poke(0, static_cast<u8>(0x11 << plane));
  }
  b.indexed(0x3c4, 2, 0x0f);
  for (u8 plane = 0; plane < 4; ++plane) {
    b.indexed(0x3ce, 4, plane);
    CHECK(b.peek(0) == 0x11 << plane);
  }
  b.indexed(0x3ce, 5, 1);
  b.poke(9, 0x77);
  CHECK(b.vga.video_memory()[36] == 0x11);
  CHECK(b.vga.video_memory()[39] == 0x88);
  b.indexed(0x3ce, 5, 2);
  b.poke(10, 0x0a);
  CHECK(b.vga.video_memory()[40] == 0x00);
  CHECK(b.vga.video_memory()[41] == 0xff);
  CHECK(b.vga.video_memory()[43] == 0xff);
  b.indexed(0x3ce, 5, 3);
  b.indexed(0x3ce, 0, 0x08);
  b.indexed(0x3ce, 8, 0xf0);
  b.peek(0);
  b.poke(11, 0x3c);
  CHECK(b.vga.video_memory()[44] == (0x11 & ~0x30));
  CHECK(b.vga.video_memory()[47] == (0x88 | 0x30));
  // Read mode 1: which of the eight dots have colour 1? Planes 2 and 3 do not count.
  b.indexed(0x3ce, 5, 0x08);
  b.indexed(0x3ce, 2, 0x01);
  b.indexed(0x3ce, 7, 0x03);
  CHECK(b.peek(0) == 0x11);
  b.indexed(0x3ce, 7, 0x00);
  CHECK(b.peek(0) == 0xff);
}

TEST_CASE("the window is where the Graphics Controller puts it, and shut if the card's memory is off") {
  Bench b;
  b.planar();
  const u32 first[] = {0, 0, 0x10000, 0x18000}, bytes[] = {0x20000, 0x10000, 0x8000, 0x8000};
  for (u8 map = 0; map < 4; ++map) {
    b.indexed(0x3ce, 6, static_cast<u8>(map << 2 | 1));
    for (u32 at = 0; at < 0x20000; at += 0x4000) {
      b.poke(at, 0x40);
      const bool inside = at >= first[map] && at < first[map] + bytes[map];
      CHECK(b.peek(at) == (inside ? 0x40 : 0xff));
    }
  }
  b.out(0x3c2, 0x65);
  CHECK(b.peek(0x18000) == 0xff);
}

TEST_CASE("mode 13h chains the planes: a byte a dot, doubled in both directions") {
  Bench b;
  b.indexed(0x3c4, 1, 0x01);
  b.indexed(0x3c4, 2, 0x0f);
  b.indexed(0x3c4, 4, 0x0e);
  b.indexed(0x3ce, 5, 0x40);
  b.indexed(0x3ce, 6, 0x05);
  b.indexed(0x3d4, 0x09, 0x41);
  b.indexed(0x3d4, 0x13, 0x28);
  b.indexed(0x3d4, 0x17, 0xa3);
  b.out(0x3c8, 7);
  for (const u8 part : {63, 0, 32}) b.out(0x3c9, part);
  b.clear();
  b.poke(321, 7);
  const Picture picture = b.picture();
  CHECK(picture.width == 640);
  CHECK(picture.height == 400);
  for (const u32 at : {2 * 640 + 2, 2 * 640 + 3, 3 * 640 + 2, 3 * 640 + 3})
    CHECK(picture.dots[at] == 0xff0082);
  CHECK(std::count(picture.dots.begin(), picture.dots.end(), 0xff0082u) == 4);
  CHECK(b.text().empty());
  // The line compare begins again at the top, mode X reaches the planes one by one.
  b.indexed(0x3c4, 4, 0x06);
  b.indexed(0x3c4, 2, 0x04);
  b.poke(0, 7);
  CHECK(b.picture().dots[4] == 0xff0082);
  b.indexed(0x3d4, 0x18, 199);
  b.indexed(0x3d4, 0x07, 0x0f);
  b.indexed(0x3d4, 0x09, 0x01);
  CHECK(b.picture().dots[200 * 640 + 4] == 0xff0082);
}

namespace {

void attribute(Bench& b, u8 index, u8 value) {
  b.in(0x3da);
  b.out(0x3c0, index | 0x20u);
  b.out(0x3c0, value);
}
// Line 18H of the CRTC's, whose upper bits lie in two other registers.
void line_compare(Bench& b, unsigned line) {
  b.indexed(0x3d4, 0x18, static_cast<u8>(line));
  b.indexed(0x3d4, 0x07, static_cast<u8>((b.vga.state().crtc[7] & ~0x10u) | (line >> 4 & 0x10)));
  b.indexed(0x3d4, 0x09, static_cast<u8>((b.vga.state().crtc[9] & ~0x40u) | (line >> 3 & 0x40)));
}
// The same picture moved to the left, but for the columns that come in.
bool moved(const Picture& from, const Picture& to, unsigned dots, unsigned first_line, unsigned end) {
  for (unsigned y = first_line; y < end; ++y)
    for (unsigned x = 0; x + dots < from.width; ++x)
      if (to.dots[y * to.width + x] != from.dots[y * from.width + x + dots]) return false;
  return true;
}

}  // namespace

TEST_CASE("text is panned dot by dot and byte by byte, and starts with any line of a row") {
  Bench b;
  b.indexed(0x3d4, 0x0a, 0x20);  // no cursor
  // Rows of 81 characters, so that something comes in from the right.
  b.indexed(0x3d4, 0x13, 41);
  for (u32 n = 0; n < 82 * 25; ++n) b.memory.write(HostPhys(0xb8000 + 2 * n), 2, 0x1700u | ('A' + n % 61));
  const Picture still = b.picture();
  CHECK(still.width == 720);
  for (u8 pan = 0; pan < 8; ++pan) {
    CAPTURE(pan);
    attribute(b, 0x13, pan);
    CHECK(moved(still, b.picture(), pan + 1u, 0, 400));
  }
  attribute(b, 0x13, 8);
  CHECK(b.picture() == still);
  for (u8 bytes = 1; bytes < 4; ++bytes) {
    b.indexed(0x3d4, 0x08, static_cast<u8>(bytes << 5));
    CHECK(moved(still, b.picture(), 9u * bytes, 0, 400));
  }
  b.indexed(0x3d4, 0x08, 3);
  const Picture lifted = b.picture();
  CHECK(std::equal(lifted.dots.begin(), lifted.dots.begin() + 720 * 397, still.dots.begin() + 720 * 3));
  // A character of another row has come in, not the first one of the next row's.
  b.indexed(0x3d4, 0x08, 0);
  attribute(b, 0x13, 7);
  const Picture panned = b.picture();
  b.indexed(0x3d4, 0x0d, 1);
  attribute(b, 0x13, 8);
  const Picture next = b.picture();
  for (unsigned y = 0; y < 400; ++y) CHECK(panned.dots[y * 720 + 719] == next.dots[y * 720 + 718]);
  // Eight dots: from 0 on.
  b.indexed(0x3d4, 0x0d, 0);
  b.indexed(0x3c4, 0x01, 1);
  attribute(b, 0x13, 0);
  const Picture narrow = b.picture();
  CHECK(narrow.width == 640);
  attribute(b, 0x13, 5);
  CHECK(moved(narrow, b.picture(), 5, 0, 400));
}

TEST_CASE(
    "mode X: planes by the map mask, the start address, panning, and a split screen that stands still") {
  Bench b;
  b.clear();
  b.planar();
  b.indexed(0x3ce, 5, 0x40);
  b.indexed(0x3d4, 0x14, 0), b.indexed(0x3d4, 0x17, 0xe3);
  b.indexed(0x3d4, 0x09, 0x41);
  b.indexed(0x3c4, 0x01, 1);
  b.out(0x3c8, 0);
  for (unsigned n = 0; n < 256; ++n)
    for (unsigned part = 0; part < 3; ++part) b.out(0x3c9, part == 2 ? n & 63 : n >> 2);
  // Dot x of line y is x + 3y; a line has 80 bytes in each plane.
  for (u32 plane = 0; plane < 4; ++plane) {
    b.indexed(0x3c4, 2, static_cast<u8>(1 << plane));
    for (u32 at = 0; at < 80 * 300; ++at) b.poke(at, static_cast<u8>(at % 80 * 4 + plane + at / 80 * 3));
  }
  const Picture still = b.picture();
  REQUIRE(still.width == 640);
  REQUIRE(still.height == 400);
  const auto color = [](unsigned n) {
    const auto eight = [](unsigned six) { return six << 2 | six >> 4; };
    return eight((n & 0xff) >> 2) << 16 | eight((n & 0xff) >> 2) << 8 | eight(n & 63);
  };
  CHECK(still.dots[0] == color(0));
  CHECK(still.dots[2 * 5] == color(5));
  CHECK(still.dots[640 * 2 * 7 + 2 * 100] == color(100 + 21));

  b.indexed(0x3d4, 0x0c, 80 * 50 >> 8), b.indexed(0x3d4, 0x0d, 80 * 50 & 0xff);
  CHECK(b.picture().dots[0] == color(150));
  // Panning by half dots; two of them are a dot of 256 colours.
  attribute(b, 0x13, 6);
  CHECK(b.picture().dots[0] == color(153));
  line_compare(b, 299);
  Picture split = b.picture();
  CHECK(split.dots[640 * 299] == color(153 + 149 * 3));
  CHECK(split.dots[640 * 300] == color(3));
  CHECK(split.dots[640 * 302] == color(6));
  attribute(b, 0x10, 0x61);
  split = b.picture();
  CHECK(split.dots[0] == color(153));
  CHECK(split.dots[640 * 299] == color(153 + 149 * 3));
  CHECK(split.dots[640 * 300] == color(0));
}

TEST_CASE(
    "mode 12h: a bit of each plane is a dot's colour, by the attribute controller's sixteen and its mask") {
  Bench b;
  b.clear();
  b.planar();
  b.indexed(0x3d4, 0x17, 0xe3), b.indexed(0x3d4, 0x09, 0x40);
  b.indexed(0x3c4, 0x01, 1);
  for (u8 plane = 0; plane < 4; ++plane) {
    b.indexed(0x3c4, 2, static_cast<u8>(1 << plane));
    b.poke(80 * 3 + 2, static_cast<u8>(0xf0 >> plane));
  }
  const unsigned at = 640 * 3 + 16;
  Picture picture = b.picture();
  REQUIRE(picture.width == 640);
  const std::array<u32, 8> colors{0x0000aa, 0x00aaaa, 0xaaaaaa, 0xffffff, 0xffff55, 0xff5555, 0x555555, 0};
  // Of colour 6 the palette of text mode makes brown; the others are as they are numbered: 1, 3, 7, 15, 14,
  // 12, 8.
  CHECK(std::equal(colors.begin(), colors.end(), picture.dots.begin() + at));
  CHECK(picture.dots[at - 1] == 0);
  attribute(b, 0x12, 0x07);  // without plane 3
  picture = b.picture();
  CHECK(picture.dots[at + 3] == 0xaaaaaa);
  CHECK(picture.dots[at + 6] == 0);
}

TEST_CASE("CGA's modes: lines in two banks, two bits a dot") {
  Bench b;
  b.indexed(0x3c4, 1, 0x09);
  b.indexed(0x3ce, 5, 0x30);
  b.indexed(0x3ce, 6, 0x0f);
  b.indexed(0x3d4, 0x11, 0x0e);
  b.indexed(0x3d4, 0x01, 39);
  b.indexed(0x3d4, 0x09, 0xc1);
  b.indexed(0x3d4, 0x13, 20);
  b.indexed(0x3d4, 0x17, 0xa2);
  b.clear();
  b.memory.write(HostPhys(0xb8000), 1, 0xc0);
  b.memory.write(HostPhys(0xba000), 1, 0x30);
  const Picture picture = b.picture();
  CHECK(picture.width == 640);
  CHECK(picture.height == 400);
  CHECK(picture.dots[0] == 0x00aaaa);
  CHECK(picture.dots[640 + 1] == 0x00aaaa);
  CHECK(picture.dots[2 * 640] == 0);
  CHECK(picture.dots[2 * 640 + 2] == 0x00aaaa);
}

TEST_CASE("the palette is read and written by threes, in 6 bits or in 8, through the mask") {
  Bench b;
  b.out(0x3c8, 0xff);
  for (const u8 value : {0xff, 2, 3, 4}) b.out(0x3c9, value);
  b.out(0x3c7, 0xff);
  CHECK(b.in(0x3c7) == 3);
  CHECK(b.in(0x3c9) == 0x3f);
  CHECK(b.in(0x3c9) == 2);
  CHECK(b.in(0x3c9) == 3);
  CHECK(b.in(0x3c9) == 4);  // on to colour 0
  b.mode(640, 480, 8, 0x61);
  b.out(0x3c8, 0x0c);
  for (const u8 value : {0x81, 0x82, 0x83}) b.out(0x3c9, value);
  b.memory.write(HostPhys(Bench::framebuffer), 1, 0x1c);
  b.out(0x3c6, 0x0f);
  CHECK(b.picture().dots[0] == 0x818283);
}

TEST_CASE("the CRTC's first registers can be locked, but for the line compare's bit; ports move with bit 0") {
  Bench b;
  b.indexed(0x3d4, 0x11, 0x8e);
  b.indexed(0x3d4, 0x01, 0x11);
  b.indexed(0x3d4, 0x07, 0x00);
  b.out(0x3d4, 1);
  CHECK(b.in(0x3d5) == 0x4f);
  b.out(0x3d4, 7);
  CHECK(b.in(0x3d5) == 0x0f);
  b.out(0x3c2, 0x66);
  CHECK(b.in(0x3d5) == 0xff);
  CHECK(b.in(0x3b5) == 0x0f);
  // Reading the status makes the next write to 3C0H an index.
  b.in(0x3ba);
  b.out(0x3c0, 0x11);
  b.in(0x3ba);
  b.out(0x3c0, 0x10);
  CHECK(b.in(0x3c1) == 0x0c);
  CHECK(b.picture() == Picture{720, 400, std::vector<u32>(720 * 400)});  // the palette is the CPU's now
}

TEST_CASE("retraces come by virtual time: about 70 frames a second in text mode") {
  Bench b;
  unsigned frames = 0, shown = 0, samples = 0;
  bool before = false;
  for (u64 t = 0; t < b.clock.frequency(); t += b.clock.frequency() / 100'000) {
    b.clock.advance(b.clock.frequency() / 100'000);
    const u32 status = b.in(0x3da);
    const bool now = (status & 8) != 0;
    if (now) CHECK((status & 1) == 1);
    frames += now && !before;
    before = now;
    shown += (status & 1) == 0;
    ++samples;
  }
  CHECK(frames >= 69);
  CHECK(frames <= 71);
  CHECK(shown > samples / 2);
  CHECK(shown < samples);
  CHECK(b.vga.frames() >= 69);
  CHECK_FALSE(b.clock.any_armed());
}

TEST_CASE("the display interface: identity, capabilities, memory, and limits whatever is written") {
  Bench b;
  CHECK(b.dispi(Dispi::id) == 0xb0c5);
  b.dispi(Dispi::id, 0xb0c4);
  CHECK(b.dispi(Dispi::id) == 0xb0c4);
  b.dispi(Dispi::id, 0x1234);
  CHECK(b.dispi(Dispi::id) == 0xb0c4);
  CHECK(b.dispi(Dispi::memory) == 256);
  b.dispi(Dispi::enable, 2);
  CHECK(b.dispi(Dispi::width) == 16000);
  CHECK(b.dispi(Dispi::depth) == 32);
  b.mode(1024, 768, 32);
  CHECK(b.dispi(Dispi::virtual_width) == 1024);
  CHECK(b.dispi(Dispi::virtual_height) == 4096);
  b.dispi(Dispi::virtual_width, 2048);
  b.dispi(Dispi::y, 0xffff);
  CHECK(b.dispi(Dispi::y) == 2048 - 768);
  b.dispi(Dispi::x, 0xffff);
  CHECK(b.dispi(Dispi::x) == 1024);
  b.mode(0xffff, 0xffff, 32);
  CHECK(b.dispi(Dispi::width) <= 16000);
  CHECK(u64{b.dispi(Dispi::virtual_width)} * b.dispi(Dispi::height) * 4 <= VgaState::memory_bytes);
  CHECK(b.picture().dots.size() == std::size_t{b.dispi(Dispi::width)} * b.dispi(Dispi::height));
}

TEST_CASE("the framebuffer in each depth, where BAR 0 shows it; banks at A0000H show the same bytes") {
  Bench b;
  struct Case {
    u16 depth;
    u32 dot, color;
  };
  for (const Case& c : {Case{15, 0x7c1f, 0xff00ff}, Case{16, 0xf81f, 0xff00ff}, Case{24, 0x123456, 0x123456},
                        Case{32, 0xff123456, 0x123456}}) {
    b.mode(800, 600, c.depth);
    const u64 bytes = (c.depth + 7u) / 8, at = (800 * 100 + 3) * bytes;
    for (u64 n = 0; n < bytes; ++n)
      b.memory.write(HostPhys(Bench::framebuffer + at + n), 1, c.dot >> (8 * n) & 0xff);
    const Picture picture = b.picture();
    CHECK(picture.width == 800);
    CHECK(picture.height == 600);
    CHECK(picture.dots[800 * 100 + 3] == c.color);
    b.dispi(Dispi::bank, static_cast<u16>(at >> 16));
    CHECK(b.peek(at & 0xffff) == (c.dot & 0xff));
    b.mode(800, 600, c.depth);
    CHECK(b.memory.read(HostPhys(Bench::framebuffer + at), 1) == 0);  // cleared
  }
  b.memory.write(HostPhys(Bench::framebuffer + 1), 1, 9);
  b.mode(800, 600, 32, 0xc1);
  CHECK(b.memory.read(HostPhys(Bench::framebuffer + 1), 1) == 9);
}

TEST_CASE("BAR 2 has the EDID, the VGA's ports and the display interface") {
  Bench b;
  std::array<u8, 128> edid;
  for (u32 n = 0; n < edid.size(); ++n)
    edid[n] = static_cast<u8>(b.memory.read(HostPhys(Bench::registers + n), 1));
  CHECK(edid == make_edid(1280, 800));
  CHECK(edid[1] == 0xff);
  CHECK(std::accumulate(edid.begin(), edid.end(), 0u) % 256 == 0);
  CHECK(((edid[58] & 0xf0) << 4 | edid[56]) == 1280);
  CHECK(((edid[61] & 0xf0) << 4 | edid[59]) == 800);
  const auto reg = [&](u32 offset, unsigned size) {
    return b.memory.read(HostPhys(Bench::registers + offset), size);
  };
  CHECK(reg(0x500, 2) == 0xb0c5);
  b.memory.write(HostPhys(Bench::registers + 0x502), 2, 1280);
  CHECK(b.dispi(Dispi::width) == 1280);
  CHECK(reg(0x502, 2) == 1280);
  b.memory.write(HostPhys(Bench::registers + 0x404), 2, 0x0902);
  CHECK(b.vga.state().sequencer[2] == 9);
  CHECK(reg(0x604, 4) == 0x1e1e1e1e);
}

TEST_CASE("the expansion ROM answers while the base address and both switches say so") {
  PhysicalMemory memory;
  FakeClock clock;
  Vga vga(memory, clock, {0x55, 0xaa, 0x42});
  vga.reset(ResetKind::power_on);
  vga.config_write(0x30, 4, 0xffffffff);
  CHECK(vga.config_read(0x30, 4) == 0xffff0001);
  vga.config_write(0x30, 4, 0xfebe0001);
  CHECK(memory.read(HostPhys(0xfebe0002), 1) == 0xff);
  vga.config_write(0x04, 2, 2);
  CHECK(memory.read(HostPhys(0xfebe0000), 4) == 0xff42aa55);
  vga.config_write(0x30, 4, 0xfebe0000);
  CHECK(memory.read(HostPhys(0xfebe0002), 1) == 0xff);
}
