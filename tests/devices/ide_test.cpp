// Owns the test of the IDE controller's disks: PIO, bus master, interrupts, resets, errors of guest and host.
#include "tests/devices/ide_bench.h"

using namespace ringside;

TEST_CASE("ide: a disk says what it is and how large") {
  IdeBench b;
  b.out(b.primary, 6, 0xa0);
  CHECK(b.command(0xec) == 0x58);
  std::vector<u16> words(256);
  for (u16& word : words) word = static_cast<u16>(b.bus.port_read(b.primary, 2));
  CHECK((words[60] | u32{words[61]} << 16) == b.disk_sectors);
  CHECK((words[100] | u32{words[101]} << 16) == b.disk_sectors);
  CHECK((words[49] & 0x0300) == 0x0300);
  CHECK((words[83] & 0x0400) != 0);
  CHECK(words[27] == ('R' << 8 | 'i'));
  CHECK(b.alternate() == 0x50);
}

TEST_CASE("ide: sectors are read and written by the data port, by every way to name them") {
  IdeBench b;
  b.address(1234, 3);
  b.out(b.primary, 7, 0x20);
  CHECK(b.alternate() == 0x80);
  for (u64 n = 0; n < 3; ++n) {
    CHECK(b.wait() == 0x58);
    CHECK(b.pio_in() == 1234 + n);
  }
  CHECK(b.alternate() == 0x50);

  b.address_48(0x10123, 1);
  CHECK(b.command(0x24) == 0x58);
  CHECK(b.pio_in() == 0x10123);

  // Cylinder 2, head 3, sector 4 of 16 heads and 63 sectors.
  b.out(b.primary, 6, 0xa3), b.out(b.primary, 2, 1);
  b.out(b.primary, 3, 4), b.out(b.primary, 4, 2), b.out(b.primary, 5, 0);
  CHECK(b.command(0x20) == 0x58);
  CHECK(b.pio_in() == (2 * 16 + 3) * 63 + 3);

  b.address(77, 2);
  b.out(b.primary, 7, 0x30);
  CHECK(b.alternate() == 0x58);
  CHECK_FALSE(b.lines[0].level);
  b.pio_out(0xaaaa'5555);
  CHECK(b.wait() == 0x58);
  b.pio_out(0xbbbb'6666);
  CHECK(b.wait() == 0x50);
  CHECK(b.on_disk(77) == 0xaaaa'5555);
  CHECK(b.on_disk(78) == 0xbbbb'6666);
  CHECK(b.on_disk(79) == 79);
}

TEST_CASE("ide: READ MULTIPLE moves a block for each interrupt, once its size is set") {
  IdeBench b;
  b.address(5, 6);
  CHECK(b.command(0xc4) == 0x51);
  CHECK(b.in(b.primary, 1) == 0x04);
  b.out(b.primary, 2, 4);
  CHECK(b.command(0xc6) == 0x50);
  b.lines[0].rises = 0;
  b.address(5, 6);
  b.out(b.primary, 7, 0xc4);
  for (u64 n = 0; n < 6; ++n) {
    if (n == 0 || n == 4) CHECK(b.wait() == 0x58);
    CHECK(b.pio_in() == 5 + n);
  }
  CHECK(b.alternate() == 0x50);
  CHECK(b.lines[0].rises == 2);
}

TEST_CASE(
    "ide: the interrupt comes after a time that follows from the request, and the status takes it back") {
  const auto time_of = [](u64 lba, u64 count) {
    IdeBench b;
    b.address(lba, count);
    b.out(b.primary, 7, 0xc8);
    b.start({{0x1000, static_cast<u32>(count * 512)}}, true);
    Ticks ticks = 0;
    while (!b.lines[0].level && ticks < 10'000'000) b.clock.advance(100), ticks += 100;
    return ticks;
  };
  CHECK(time_of(10, 1) == time_of(60'000, 1));
  CHECK(time_of(10, 64) > time_of(10, 1));

  IdeBench b;
  b.address(1, 1);
  b.out(b.primary, 7, 0x20);
  b.clock.advance(1'000'000);
  CHECK(b.lines[0].level);
  CHECK(b.alternate() == 0x58);
  CHECK(b.lines[0].level);
  b.in(b.primary, 7);
  CHECK_FALSE(b.lines[0].level);
  b.pio_in();
  // nIEN holds the line back, not the command.
  b.control(b.primary, 2);
  b.address(1, 1);
  CHECK(b.command(0x40) == 0x50);
  CHECK_FALSE(b.lines[0].level);
}

TEST_CASE("ide: the bus master moves sectors into scattered memory and out of it") {
  IdeBench b;
  b.address(100, 4);
  b.out(b.primary, 7, 0xc8);
  b.start({{0x2000, 512}, {0x4000, 1536}}, true);
  CHECK((b.master_status() & 1) == 1);
  CHECK(b.wait() == 0x50);
  CHECK(b.in_memory(0x2000) == 100);
  CHECK(b.in_memory(0x4000) == 101);
  CHECK(b.in_memory(0x4400) == 103);
  CHECK((b.master_status() & 7) == 4);

  b.address_48(200, 2);
  b.out(b.primary, 7, 0x35);
  b.start({{0x4000, 1024}}, false);
  CHECK(b.wait() == 0x50);
  CHECK(b.on_disk(200) == 101);
  CHECK(b.on_disk(201) == 102);
  CHECK(b.on_disk(202) == 202);

  // Started before the command, and with a list that is longer than the command.
  b.start({{0x6000, 4096}}, true);
  b.address(300, 1);
  b.out(b.primary, 7, 0xc8);
  CHECK(b.wait() == 0x50);
  CHECK(b.in_memory(0x6000) == 300);
  CHECK((b.master_status() & 7) == 5);
  b.bus.port_write(b.bus_master, 1, 8);
  CHECK((b.master_status() & 1) == 0);
}

TEST_CASE("ide: a list that is too short, leads out of memory or is for the other direction is found out") {
  IdeBench b;
  b.address(10, 4);
  b.out(b.primary, 7, 0xc8);
  b.start({{0x2000, 1024}}, true);
  b.clock.advance(10'000'000);
  CHECK((b.master_status() & 7) == 0);
  CHECK(b.alternate() == 0x58);
  CHECK_FALSE(b.lines[0].level);
  b.start({{0x3000, 2048}}, true);
  CHECK(b.wait() == 0x50);
  CHECK(b.in_memory(0x3000) == 10);

  b.address(10, 1);
  b.out(b.primary, 7, 0xc8);
  b.start({{0x7fff'0000, 512}}, true);
  CHECK(b.wait() == 0x51);
  CHECK((b.master_status() & 7) == 6);

  b.address(10, 1);
  b.out(b.primary, 7, 0xca);
  b.start({{0x2000, 512}}, true);
  CHECK(b.wait() == 0x51);
  CHECK((b.master_status() & 2) == 2);
  CHECK(b.on_disk(10) == 10);
}

TEST_CASE("ide: without the function's bus master bit nothing moves until it is set") {
  IdeBench b;
  b.ide.config_write(4, 2, 1);
  b.address(9, 1);
  b.out(b.primary, 7, 0xc8);
  b.start({{0x2000, 512}}, true);
  b.clock.advance(10'000'000);
  CHECK(b.in_memory(0x2000) == 0);
  b.ide.config_write(4, 2, 5);
  CHECK(b.wait() == 0x50);
  CHECK(b.in_memory(0x2000) == 9);
}

TEST_CASE("ide: what lies behind the end is refused, and nothing beside it is touched") {
  IdeBench b;
  b.address(b.disk_sectors - 1, 2);
  CHECK(b.command(0xc8) == 0x51);
  CHECK(b.in(b.primary, 1) == 0x10);
  b.address_48(u64{1} << 40, 1);
  CHECK(b.command(0x24) == 0x51);
  CHECK(b.in(b.primary, 1) == 0x10);
  b.out(b.primary, 6, 0xa0), b.out(b.primary, 2, 1), b.out(b.primary, 3, 0);
  CHECK(b.command(0x20) == 0x51);
  CHECK(b.command(0xf7) == 0x51);
  CHECK(b.in(b.primary, 1) == 0x04);
}

TEST_CASE("ide: a failing host becomes the drive's error, with its place") {
  IdeBench b;
  b.disk.bad_read = 42;
  b.address(40, 8);
  b.out(b.primary, 7, 0x20);
  for (u64 n = 40; n < 42; ++n) {
    CHECK(b.wait() == 0x58);
    CHECK(b.pio_in() == n);
  }
  CHECK(b.wait() == 0x51);
  CHECK(b.in(b.primary, 1) == 0x40);
  CHECK(b.in(b.primary, 3) == 42);

  b.address(40, 8);
  b.out(b.primary, 7, 0xc8);
  b.start({{0x2000, 4096}}, true);
  CHECK(b.wait() == 0x51);
  CHECK(b.in(b.primary, 1) == 0x40);

  b.disk.bad_write = 60;
  b.address(60, 1);
  b.out(b.primary, 7, 0xca);
  b.start({{0x2000, 512}}, false);
  CHECK(b.wait() == 0x71);

  CHECK(b.command(0xe7) == 0x50);
  CHECK(b.disk.flushes == 1);
  b.disk.bad_flush = true;
  CHECK(b.command(0xea) == 0x71);

  b.disk.write_protected = true;
  b.address(1, 1);
  CHECK(b.command(0x30) == 0x51);
  CHECK(b.in(b.primary, 1) == 0x04);
}

TEST_CASE("ide: a reset ends a command and shows who is there; an empty place is no drive") {
  IdeBench b;
  b.address(1, 1);
  b.out(b.primary, 7, 0x20);
  b.control(b.primary, 4);
  b.control(b.primary, 0);
  CHECK(b.alternate() == 0x50);
  b.clock.advance(100'000'000);
  CHECK_FALSE(b.lines[0].level);
  for (const unsigned reg : {2, 3}) CHECK(b.in(b.primary, reg) == 1);
  for (const unsigned reg : {4, 5}) CHECK(b.in(b.primary, reg) == 0);
  b.control(b.secondary, 4);
  b.control(b.secondary, 0);
  CHECK(b.in(b.secondary, 4) == 0x14);
  CHECK(b.in(b.secondary, 5) == 0xeb);
  b.out(b.primary, 6, 0xb0);
  CHECK(b.in(b.primary, 7) == 0);
  CHECK(b.in(b.primary, 2) == 0);
}

TEST_CASE("ide: a saved controller goes on where it was, in the middle of a command") {
  IdeBench b, other;
  b.address(500, 2);
  b.out(b.primary, 7, 0x20);
  CHECK(b.wait() == 0x58);
  for (int n = 0; n < 100; ++n) b.bus.port_read(b.primary, 2);
  auto saved = Snapshot::of(b);
  other.clock.now_ = b.clock.now_;
  CHECK(saved.into(other));
  CHECK(Snapshot::of(other).first_difference(saved) == "");
  for (IdeBench* bench : {&b, &other}) {
    for (int n = 100; n < 256; ++n) bench->bus.port_read(bench->primary, 2);
    CHECK(bench->wait() == 0x58);
    CHECK(bench->pio_in() == 501);
    CHECK(bench->alternate() == 0x50);
  }
}

// --- The CD drive ---

TEST_CASE("ide cd: it is a packet device, and no disk") {
  IdeBench b;
  b.out(b.secondary, 6, 0xa0);
  b.out(b.secondary, 7, 0xec);
  CHECK((b.wait(b.secondary) & 1) == 1);
  CHECK(b.in(b.secondary, 4) == 0x14);
  CHECK(b.in(b.secondary, 5) == 0xeb);
  b.out(b.secondary, 7, 0xa1);
  CHECK(b.wait(b.secondary) == 0x58);
  CHECK(b.bus.port_read(b.secondary, 2) == 0x85c0);
}

TEST_CASE("ide cd: sectors come in pieces as large as the host wants, or by the bus master") {
  IdeBench b;
  for (const u16 limit : {u16{2048}, u16{0xfffe}, u16{512}, u16{6000}}) {
    CHECK(b.packet({0x28, 0, 0, 0, 0, 10, 0, 0, 20}, limit) == 0x58);
    CHECK(b.in(b.secondary, 2) == 2);
    const std::vector<u8> bytes = b.answer();
    REQUIRE(bytes.size() == 20 * 2048);
    for (u64 n = 0; n < 80; ++n) {
      u64 number;
      std::memcpy(&number, &bytes[n * 512], 8);
      CHECK(number == 0x8000'0000 + 40 + n);
    }
    CHECK(b.in(b.secondary, 2) == 3);
    CHECK(b.alternate(b.secondary) == 0x50);
  }
  b.packet({0x28, 0, 0, 0, 0, 7, 0, 0, 4}, 0, true);
  b.start({{0x4000, 4096}, {0x8000, 4096}}, true, 1);
  CHECK(b.wait(b.secondary) == 0x50);
  CHECK(b.in_memory(0x4000) == 0x8000'0000 + 28);
  CHECK(b.in_memory(0x8000) == 0x8000'0000 + 36);
  CHECK((b.master_status(1) & 7) == 4);
}

TEST_CASE("ide cd: it answers the questions of drivers") {
  IdeBench b;
  CHECK(b.packet({0x00}) == 0x50);
  b.packet({0x25});
  CHECK(b.answer() == std::vector<u8>{0, 0, 0, b.disc_sectors - 1, 0, 0, 8, 0});
  b.packet({0x12, 0, 0, 0, 36});
  const std::vector<u8> inquiry = b.answer();
  REQUIRE(inquiry.size() == 36);
  CHECK(inquiry[0] == 5);
  CHECK(inquiry[1] == 0x80);
  b.packet({0x43, 0, 0, 0, 0, 0, 0, 0, 100});
  CHECK(b.answer() ==
        std::vector<u8>{0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0, 100});
  b.packet({0x43, 2, 0, 0, 0, 0, 0xaa, 0, 12});
  CHECK(b.answer() == std::vector<u8>{0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 0, 3, 25});
  b.packet({0x46, 0, 0, 0, 0, 0, 0, 0, 8});
  CHECK(b.answer().at(7) == 8);
  b.packet({0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 28});
  CHECK(b.answer().at(8) == 0x2a);
  b.packet({0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8});
  CHECK(b.answer() == std::vector<u8>{0, 6, 4, 0x10, 0, 2, 0, 0});
}

TEST_CASE("ide cd: what is wrong is in the sense data, once") {
  IdeBench b;
  CHECK(b.packet({0xff}) == 0x51);
  CHECK(b.in(b.secondary, 1) == 0x50);
  CHECK(b.sense_key() == 5);
  CHECK(b.sense_key() == 0);
  CHECK(b.packet({0x28, 0, 0, 0, 0, 99, 0, 0, 2}) == 0x51);
  CHECK(b.sense_key() == 5);
  CHECK(b.packet({0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff}) == 0x51);
  b.disc.bad_read = 41;
  CHECK(b.packet({0x28, 0, 0, 0, 0, 10, 0, 0, 1}) == 0x51);
  CHECK(b.sense_key() == 3);
}

TEST_CASE("ide cd: the tray opens unless it is locked, and the disc is a new one afterwards") {
  IdeBench b;
  b.packet({0x1e, 0, 0, 0, 1});
  CHECK(b.packet({0x1b, 0, 0, 0, 2}) == 0x51);
  b.packet({0x1e, 0, 0, 0, 0});
  CHECK(b.packet({0x1b, 0, 0, 0, 2}) == 0x50);
  CHECK(b.packet({0x25}) == 0x51);
  CHECK(b.sense_key() == 2);
  CHECK(b.packet({0x1b, 0, 0, 0, 3}) == 0x50);
  CHECK(b.packet({0x00}) == 0x51);
  CHECK(b.sense_key() == 6);
  CHECK(b.packet({0x00}) == 0x50);
}
