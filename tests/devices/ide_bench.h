// Owns the IDE controller on a bench: a disk and a CD in memory, a host that can fail, and a driver's usual
// moves.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "devices/block/memory_block.h"
#include "devices/ide/piix_ide.h"
#include "tests/devices/fakes.h"

namespace ringside {

// Fails at one sector, for reading or for writing, or at a flush.
struct FailingBlock final : BlockDevice {
  explicit FailingBlock(u64 sectors) : under(MemoryBlock::blank(sectors)) {}
  u64 sectors() const override { return under.sectors(); }
  bool read_only() const override { return write_protected; }
  bool read(u64 sector, std::span<u8> to) override {
    return !covers(bad_read, sector, to.size()) && under.read(sector, to);
  }
  bool write(u64 sector, std::span<const u8> from) override {
    return !covers(bad_write, sector, from.size()) && under.write(sector, from);
  }
  bool flush() override { return ++flushes, !bad_flush; }
  static bool covers(u64 bad, u64 sector, u64 bytes) {
    return bad >= sector && bad < sector + bytes / sector_bytes;
  }

  MemoryBlock under;
  u64 bad_read = ~u64{0}, bad_write = ~u64{0};
  bool bad_flush = false, write_protected = false;
  unsigned flushes = 0;
};

struct IdeBench {
  static constexpr u64 disk_sectors = 70'000, disc_sectors = 100;
  static constexpr u16 primary = 0x1f0, secondary = 0x170, bus_master = 0xc000;

  FakeClock clock;
  FakeMemory memory;
  std::array<FakeLine, 2> lines;
  PortBus bus;
  FailingBlock disk{disk_sectors}, disc{disc_sectors * 4};
  PiixIde ide{clock, bus, memory, {&lines[0], &lines[1]}, {{{&disk, false}, {}, {&disc, true}, {}}}};

  IdeBench() {
    PortsOf(bus, ide);
    ide.reset(ResetKind::power_on);
    PiixIde::prepare_direct_boot(ide);
    for (u64 n = 0; n < disk_sectors; ++n) mark(disk.under, n, n);
    for (u64 n = 0; n < disc_sectors * 4; ++n) mark(disc.under, n, 0x8000'0000 + n);
  }
  static void mark(MemoryBlock& block, u64 sector, u64 number) {
    std::vector<u8> bytes(sector_bytes, static_cast<u8>(number * 7));
    std::memcpy(bytes.data(), &number, sizeof number);
    block.write(sector, bytes);
  }
  u64 on_disk(u64 sector) {
    std::vector<u8> bytes(sector_bytes);
    disk.under.read(sector, bytes);
    u64 number;
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }

  void fields(Fields& visit) { ide.fields(visit); }
  void restored() { ide.restored(); }
  u8 in(u16 base, unsigned reg) { return static_cast<u8>(bus.port_read(static_cast<u16>(base + reg), 1)); }
  void out(u16 base, unsigned reg, u32 value) { bus.port_write(static_cast<u16>(base + reg), 1, value); }
  u8 alternate(u16 base = primary) {
    return static_cast<u8>(bus.port_read(static_cast<u16>(base + 0x206), 1));
  }
  void control(u16 base, u8 value) { bus.port_write(static_cast<u16>(base + 0x206), 1, value); }

  void address(u64 lba, u64 count) {
    out(primary, 6, 0xe0 | (lba >> 24 & 15));
    out(primary, 2, count & 0xff);
    for (unsigned n = 0; n < 3; ++n) out(primary, 3 + n, lba >> (8 * n) & 0xff);
  }
  void address_48(u64 lba, u64 count) {
    out(primary, 6, 0x40);
    out(primary, 2, count >> 8 & 0xff), out(primary, 2, count & 0xff);
    for (unsigned n = 0; n < 3; ++n)
      out(primary, 3 + n, lba >> (24 + 8 * n) & 0xff), out(primary, 3 + n, lba >> (8 * n) & 0xff);
  }
  // Until the drive is no longer busy; what its status says then.
  u8 wait(u16 base = primary) {
    for (int n = 0; n < 100'000 && (alternate(base) & 0x80); ++n) clock.advance(10'000);
    return in(base, 7);
  }
  u8 command(u8 command) {
    out(primary, 7, command);
    return wait();
  }
  // The next sector of the data port, by its number.
  u64 pio_in(u16 base = primary) {
    u64 number = 0;
    for (unsigned n = 0; n < 256; ++n) {
      const u64 word = bus.port_read(base, 2);
      if (n < 4) number |= word << (16 * n);
    }
    return number;
  }
  void pio_out(u64 number) {
    for (unsigned n = 0; n < 256; ++n)
      bus.port_write(primary, 2, n < 4 ? static_cast<u32>(number >> (16 * n) & 0xffff) : 0);
  }
  u64 in_memory(u64 at) {
    u64 number;
    std::memcpy(&number, &memory.ram[at], sizeof number);
    return number;
  }

  // A list of regions at 100H, and the bus master started with it.
  struct Region {
    u32 address, bytes;
  };
  void start(std::initializer_list<Region> regions, bool to_memory, u16 channel = 0) {
    u64 at = 0x100;
    std::size_t left = regions.size();
    for (const Region& region : regions) {
      const u32 size = (region.bytes & 0xffff) | (--left == 0 ? 0x80000000 : 0);
      std::memcpy(&memory.ram[at], &region.address, 4);
      std::memcpy(&memory.ram[at + 4], &size, 4);
      at += 8;
    }
    const u16 base = static_cast<u16>(bus_master + 8 * channel);
    bus.port_write(base, 1, to_memory ? 8 : 0);
    bus.port_write(static_cast<u16>(base + 4), 4, 0x100);
    bus.port_write(static_cast<u16>(base + 2), 1, 0x06);
    bus.port_write(base, 1, to_memory ? 9 : 1);
  }
  u8 master_status(u16 channel = 0) {
    return static_cast<u8>(bus.port_read(static_cast<u16>(bus_master + 8 * channel + 2), 1));
  }

  // A packet to the CD drive; its status when it waits for something.
  u8 packet(std::initializer_list<u8> bytes, u16 limit = 2048, bool dma = false) {
    out(secondary, 6, 0xa0);
    out(secondary, 1, dma ? 1 : 0);
    out(secondary, 4, limit & 0xff), out(secondary, 5, limit >> 8);
    out(secondary, 7, 0xa0);
    std::array<u8, 12> all{};
    std::copy(bytes.begin(), bytes.end(), all.begin());
    for (unsigned n = 0; n < 12; n += 2)
      bus.port_write(secondary, 2, static_cast<u32>(all[n] | all[n + 1] << 8));
    return wait(secondary);
  }
  // What the CD drive gives, piece by piece, to the end.
  std::vector<u8> answer() {
    std::vector<u8> bytes;
    for (int pieces = 0; (alternate(secondary) & 0x08) && pieces < 1000; ++pieces) {
      const unsigned count = in(secondary, 4) | in(secondary, 5) << 8;
      for (unsigned n = 0; n < count; n += 2) {
        const u32 word = bus.port_read(secondary, 2);
        bytes.push_back(static_cast<u8>(word));
        if (n + 1 < count) bytes.push_back(static_cast<u8>(word >> 8));
      }
      wait(secondary);
    }
    return bytes;
  }
  u8 sense_key() {
    packet({0x03, 0, 0, 0, 18});
    const std::vector<u8> bytes = answer();
    return bytes.size() == 18 ? bytes[2] : 0xff;
  }
};

}  // namespace ringside
