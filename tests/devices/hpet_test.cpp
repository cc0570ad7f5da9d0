// Owns the test of the HPET: the counter, one-shot and periodic comparators, level and edge, legacy
// replacement.
#include "devices/hpet/hpet.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
struct Wires final : HpetRouting {
  std::map<unsigned, FakeLine> gsi, legacy;
  bool replaced = false;
  void set_gsi(unsigned n, bool level) override { gsi[n].set(level); }
  void set_legacy(unsigned n, bool level) override { legacy[n].set(level); }
  void legacy_replacement(bool on) override { replaced = on; }
  std::vector<std::pair<u64, u32>> messages;
  void send_message(HostPhys address, u32 data) override { messages.emplace_back(address.value, data); }
};
struct Bench {
  FakeClock clock;  // 10 ticks are one count
  Wires wires;
  Hpet hpet{clock, wires};
  u64 in(u64 offset, unsigned size = 8) { return hpet.mmio_read(offset, size); }
  void out(u64 offset, u64 value, unsigned size = 8) { hpet.mmio_write(offset, size, value); }
  void counts(u64 n) { clock.advance(n * 10); }
};
constexpr u64 gsi_20 = 20 << 9, gsi_21 = 21 << 9;
constexpr u64 enable = 4, level = 2, periodic = 8, set_value = 0x40, mode32 = 0x100;
}  // namespace

TEST_CASE("hpet: capabilities say period, width, timers and legacy replacement") {
  Bench b;
  CHECK((b.in(0) >> 32) == 10'000'000);
  CHECK((b.in(0) & 0xffffffff) == 0x8086a201);
  CHECK(b.in(4, 4) == 10'000'000);
  CHECK(b.hpet.block_id() == 0x8086a201);
  CHECK(b.in(0x100) == (u64{0x00f00104} << 32 | 0x8030));
  b.out(0, 0);
  CHECK((b.in(0) >> 32) == 10'000'000);
}

TEST_CASE("hpet: the main counter runs while enabled, and can be set while it stands") {
  Bench b;
  b.counts(5);
  CHECK(b.in(0xf0) == 0);
  b.out(0xf0, 0xfffffffe, 8);
  b.out(0x10, 1);
  b.counts(3);
  CHECK(b.in(0xf0) == 0x100000001);
  CHECK(b.in(0xf0, 4) == 1);
  CHECK(b.in(0xf4, 4) == 1);
  b.out(0x10, 0);
  b.counts(9);
  CHECK(b.in(0xf0) == 0x100000001);
  b.out(0xf4, 7, 4);
  CHECK(b.in(0xf0) == 0x700000001);
}

TEST_CASE("hpet: a one-shot interrupts when the counter reaches the comparator, once") {
  Bench b;
  b.out(0x100, gsi_20 | enable);
  b.out(0x108, 100);
  b.out(0x10, 1);
  b.counts(99);
  CHECK(b.wires.gsi[20].rises == 0);
  b.counts(1);
  CHECK(b.wires.gsi[20].rises == 1);
  b.counts(1'000'000);
  CHECK(b.wires.gsi[20].rises == 1);
  CHECK(b.in(0x20) == 0);  // edge-triggered ones have no status
  b.out(0x108, b.in(0xf0) + 10);
  b.counts(10);
  CHECK(b.wires.gsi[20].rises == 2);
  b.out(0x108, b.in(0xf0));  // already there: a match only after the whole range
  b.counts(1000);
  CHECK(b.wires.gsi[20].rises == 2);
}

TEST_CASE("hpet: in 32-bit mode the comparator matches again after 2^32 counts") {
  Bench b;
  b.out(0x120, gsi_21 | enable | mode32);
  b.out(0x128, 5, 4);
  b.out(0xf0, 0xfffffffb);
  b.out(0x10, 1);
  b.counts(10);
  CHECK(b.wires.gsi[21].rises == 1);
  b.counts(u64{1} << 32);
  CHECK(b.wires.gsi[21].rises == 2);
}

TEST_CASE("hpet: a periodic comparator, programmed as drivers do, goes on without drift") {
  Bench b;
  b.out(0x10, 1);
  b.counts(7);
  b.out(0x100, gsi_20 | enable | periodic | set_value | mode32);
  CHECK((b.in(0x100) & set_value) != 0);
  b.out(0x108, 1000, 4);
  CHECK((b.in(0x100) & set_value) == 0);
  b.out(0x108, 250, 4);
  CHECK(b.in(0x108, 4) == 1000);
  b.counts(992);
  CHECK(b.wires.gsi[20].rises == 0);
  b.counts(1);
  CHECK(b.wires.gsi[20].rises == 1);
  CHECK(b.in(0x108, 4) == 1250);
  b.counts(250 * 400);
  CHECK(b.wires.gsi[20].rises == 401);
  b.clock.leap(250 * 10 * 5);  // nobody looked for five periods
  CHECK(b.wires.gsi[20].rises == 402);
  CHECK(b.in(0x108, 4) == b.in(0xf0, 4) - (b.in(0xf0, 4) % 250) + 250);
}

TEST_CASE("hpet: a level-triggered interrupt stays until its status bit is written") {
  Bench b;
  b.out(0x100, gsi_20 | enable | level);
  b.out(0x108, 50);
  b.out(0x10, 1);
  b.counts(50);
  CHECK(b.wires.gsi[20].level);
  CHECK(b.in(0x20) == 1);
  b.out(0x20, 2);
  CHECK(b.wires.gsi[20].level);
  b.out(0x20, 1);
  CHECK_FALSE(b.wires.gsi[20].level);
  b.out(0x100, gsi_20 | level);  // not enabled: status only
  b.out(0x108, b.in(0xf0) + 50);
  b.counts(60);
  CHECK(b.in(0x20) == 1);
  CHECK_FALSE(b.wires.gsi[20].level);
  b.out(0x100, gsi_20 | enable | level);
  CHECK(b.wires.gsi[20].level);
}

TEST_CASE("hpet: a route that the timer has not got is not taken") {
  Bench b;
  b.out(0x100, gsi_20);
  b.out(0x100, 3 << 9);
  CHECK((b.in(0x100) & 0x3e00) == gsi_20);
}

TEST_CASE("hpet: legacy replacement takes timers 0 and 1 to IRQ 0 and IRQ 8") {
  Bench b;
  b.out(0x100, gsi_20 | enable);
  b.out(0x108, 10);
  b.out(0x120, gsi_20 | enable);
  b.out(0x128, 20);
  b.out(0x10, 3);
  CHECK(b.wires.replaced);
  b.counts(20);
  CHECK(b.wires.legacy[0].rises == 1);
  CHECK(b.wires.legacy[8].rises == 1);
  CHECK(b.wires.gsi[20].rises == 0);
  b.out(0x10, 0);
  CHECK_FALSE(b.wires.replaced);
  CHECK_FALSE(b.wires.legacy[0].level);
}

TEST_CASE("hpet: odd accesses read what the bytes are and write nothing") {
  Bench b;
  b.out(0xf0, 0x1122334455667788);
  CHECK(b.in(0xf3, 1) == 0x55);
  CHECK(b.in(0xf6, 4) == 0x1122);
  CHECK(b.in(0xf6, 2) == 0x1122);
  b.out(0xf2, 0xffff, 2);
  b.out(0xf1, 0xffffffff, 4);
  CHECK(b.in(0xf0) == 0x1122334455667788);
  CHECK(b.in(0x3f8) == 0);
}

TEST_CASE("hpet: restored, it interrupts when the saved one would have") {
  Bench a, b;
  a.out(0x100, gsi_20 | enable | periodic | set_value);
  a.out(0x108, 300);
  a.out(0x10, 1);
  a.counts(450);
  auto saved = Snapshot::of(a.hpet);
  b.clock.now_ = a.clock.now_;
  CHECK(saved.into(b.hpet));
  const unsigned before = b.wires.gsi[20].rises;
  b.counts(149);
  CHECK(b.wires.gsi[20].rises == before);
  b.counts(1);
  CHECK(b.wires.gsi[20].rises == before + 1);
}

TEST_CASE("hpet: a comparator with FSB delivery sends its message at each match and moves no line") {
  Bench b;
  b.out(0x110, u64{0xfee01004} << 32 | 0x4051);
  CHECK(b.in(0x110) == (u64{0xfee01004} << 32 | 0x4051));
  b.out(0x100, 0x4000 | enable | periodic | set_value | gsi_20);
  b.out(0x108, 100);
  b.out(0x10, 1);
  b.counts(250);
  CHECK(b.in(0xf0) == 250);
  CHECK(b.wires.messages == std::vector<std::pair<u64, u32>>(2, {0xfee01004, 0x4051}));
  CHECK(b.wires.gsi[20].rises == 0);
  b.out(0x100, enable | periodic | gsi_20);
  b.counts(100);
  CHECK(b.wires.messages.size() == 2);
  CHECK(b.wires.gsi[20].level);
}
