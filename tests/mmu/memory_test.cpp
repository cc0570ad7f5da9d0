// Owns the tests of physical memory: RAM, ROM, devices, holes, the A20 gate, written pages and code lines.
#include <doctest/doctest.h>

#include <cstring>

#include "mmu/physical_memory.h"

using namespace ringside;

namespace {

// Remembers its last access; reads give the offset, byte by byte, plus 0x10.
struct Device : MmioDevice {
  u64 offset = 0, value = 0;
  unsigned size = 0, reads = 0, writes = 0;
  u64 mmio_read(u64 at, unsigned bytes) override {
    offset = at, size = bytes, ++reads;
    u64 out = 0;
    for (unsigned i = 0; i < bytes; ++i) out |= ((0x10 + at + i) & 0xff) << (8 * i);
    return out;
  }
  void mmio_write(u64 at, unsigned bytes, u64 v) override { offset = at, size = bytes, value = v, ++writes; }
};

struct Watcher : CodeWatcher {
  std::vector<std::pair<u64, u64>> seen;
  PhysicalMemory* memory = nullptr;
  u64 before = 0;
  void code_written(HostPhys address, u64 size) override {
    seen.push_back({address.value, size});
    if (memory != nullptr) before = memory->read(address, 1);
  }
};

std::vector<u64> written(PhysicalMemory& memory) {
  std::vector<u64> pages;
  memory.for_each_written_page([&](HostPhys page, const u8*) { pages.push_back(page.value); });
  return pages;
}

}  // namespace

TEST_CASE("RAM keeps what is written, holes read as ones and swallow writes") {
  PhysicalMemory m;
  REQUIRE(m.add_ram(HostPhys(0), 0x10000, "low"));
  for (unsigned size = 1; size <= 8; ++size) {
    m.write(HostPhys(0x101), 8, 0);
    m.write(HostPhys(0x101), size, 0x1122334455667788);
    const u64 expected = size == 8 ? 0x1122334455667788 : 0x1122334455667788 & (bit(8 * size) - 1);
    CHECK(m.read(HostPhys(0x101), 8) == expected);
    CHECK(m.read(HostPhys(0x101), size) == expected);
    CHECK(m.read(HostPhys(0x20000), size) == (size == 8 ? ~u64{0} : bit(8 * size) - 1));
  }
  m.write(HostPhys(0x20000), 4, 1);
  CHECK(m.read(HostPhys(0x20000), 4) == 0xffffffff);
  CHECK(m.pointer(HostPhys(0x20000), false) == nullptr);
  CHECK(m.read(HostPhys(~u64{0}), 8) == 0xff);  // the other bytes are at address 0
}

TEST_CASE("an access over the end of RAM is split by bytes") {
  PhysicalMemory m;
  REQUIRE(m.add_ram(HostPhys(0), 0x2000, "low"));
  m.write(HostPhys(0x1ffe), 4, 0xaabbccdd);
  CHECK(m.read(HostPhys(0x1ffe), 4) == 0xffffccdd);
}

TEST_CASE("add_ram refuses what is not a range of free pages") {
  PhysicalMemory m;
  CHECK_FALSE(m.add_ram(HostPhys(0), 0, "empty"));
  CHECK_FALSE(m.add_ram(HostPhys(0x800), 0x1000, "odd base"));
  CHECK_FALSE(m.add_ram(HostPhys(0), 0x1800, "odd size"));
  CHECK_FALSE(m.add_ram(HostPhys(~u64{0xfff}), 0x2000, "over the top"));
  CHECK_FALSE(m.add_ram(HostPhys(0), bit(52), "more than the host has"));
  CHECK(m.add_ram(HostPhys(0x1000), 0x2000, "good"));
  CHECK_FALSE(m.add_ram(HostPhys(0x2000), 0x2000, "overlap"));
  CHECK(m.ram_pages() == 2);
}

TEST_CASE("64 GiB of RAM cost nothing until touched") {
  PhysicalMemory m;
  REQUIRE(m.add_ram(HostPhys(0), 3 * bit(30), "low"));
  REQUIRE(m.add_ram(HostPhys(bit(32)), 61 * bit(30), "high"));
  const u64 top = bit(32) + 61 * bit(30) - 8;
  m.write(HostPhys(top), 8, 42);
  CHECK(m.read(HostPhys(top), 8) == 42);
  CHECK(written(m) == std::vector<u64>{top & ~0xfffull});
}

TEST_CASE("ROM hides RAM and ignores writes") {
  PhysicalMemory m;
  REQUIRE(m.add_ram(HostPhys(0), 0x10000, "ram"));
  m.write(HostPhys(0x4000), 4, 0x01020304);
  const u64 generation = m.map_generation();
  m.add_rom(HostPhys(0x4000), {0xaa, 0xbb}, "rom");
  CHECK(m.map_generation() != generation);
  CHECK(m.read(HostPhys(0x4000), 4) == 0x0000bbaa);
  m.write(HostPhys(0x4000), 1, 0x55);
  const u8 block = 0x66;
  m.write_block(HostPhys(0x4001), &block, 1);
  CHECK(m.read(HostPhys(0x4000), 2) == 0xbbaa);
  CHECK(m.pointer(HostPhys(0x4001), false)[0] == 0xbb);
  CHECK(m.pointer(HostPhys(0x4000), true) == nullptr);
  CHECK_FALSE(m.is_mmio(HostPhys(0x4000)));
  PhysicalMemory::Page page;
  REQUIRE(m.page(HostPhys(0x4fff), page));
  CHECK_FALSE(page.ram);
  CHECK(m.read(HostPhys(0x5000), 4) == 0);
}

TEST_CASE("a device hides what lies below it, also inside one page, and goes away again") {
  PhysicalMemory m;
  Device device;
  REQUIRE(m.add_ram(HostPhys(0), 0x10000, "ram"));
  m.write(HostPhys(0x3000), 8, 0x0807060504030201);
  m.write(HostPhys(0x3408), 8, 0x1817161514131211);
  m.add_mmio(HostPhys(0x3008), 0x400, device, "timer");
  CHECK(m.is_mmio(HostPhys(0x3008)));
  CHECK(m.is_mmio(HostPhys(0x3407)));
  CHECK_FALSE(m.is_mmio(HostPhys(0x3007)));
  CHECK_FALSE(m.is_mmio(HostPhys(0x3408)));
  CHECK(m.pointer(HostPhys(0x3000), false) == nullptr);  // the page is not RAM as a whole
  PhysicalMemory::Page page;
  CHECK_FALSE(m.page(HostPhys(0x3000), page));
  CHECK(m.read(HostPhys(0x3000), 8) == 0x0807060504030201);
  CHECK(m.read(HostPhys(0x3010), 4) == 0x1b1a1918);
  CHECK(device.offset == 8);
  CHECK(device.size == 4);
  m.write(HostPhys(0x3011), 2, 0xabcdef);
  CHECK(device.offset == 9);
  CHECK(device.value == 0xcdef);
  // Over both ends: bytes.
  device.reads = 0;
  CHECK(m.read(HostPhys(0x3006), 4) == 0x11100807);
  CHECK(device.reads == 2);
  CHECK(device.size == 1);
  m.write(HostPhys(0x3406), 4, 0x44332211);
  CHECK(device.value == 0x22);
  CHECK(m.read(HostPhys(0x3408), 2) == 0x4433);
  // Sizes that no device knows: bytes.
  CHECK(m.read(HostPhys(0x3010), 3) == 0x1a1918);
  CHECK(device.size == 1);
  // DMA does not reach devices.
  u8 buffer[16];
  device.reads = 0;
  m.read_block(HostPhys(0x3000), buffer, sizeof buffer);
  CHECK(buffer[7] == 8);
  CHECK(buffer[8] == 0xff);
  CHECK(device.reads == 0);
  m.remove_mmio(device);
  CHECK_FALSE(m.is_mmio(HostPhys(0x3008)));
  CHECK(m.pointer(HostPhys(0x3000), false) != nullptr);
}

TEST_CASE("a device at the top of the address space is cut, not wrapped") {
  PhysicalMemory m;
  Device device;
  REQUIRE(m.add_ram(HostPhys(0), 0x1000, "ram"));
  m.add_mmio(HostPhys(~u64{0xfff}), 0x10000, device, "bar");
  CHECK(m.is_mmio(HostPhys(~u64{0})));
  CHECK_FALSE(m.is_mmio(HostPhys(0)));
  m.add_mmio(HostPhys(0), ~u64{0}, device, "everything");
  CHECK(m.is_mmio(HostPhys(bit(51))));
  m.remove_mmio(device);
  CHECK_FALSE(m.is_mmio(HostPhys(~u64{0})));
}

TEST_CASE("of overlapping regions the last one added is seen") {
  PhysicalMemory m;
  Device one, two;
  m.add_mmio(HostPhys(0x1000), 0x3000, one, "one");
  m.add_mmio(HostPhys(0x2000), 0x1000, two, "two");
  m.read(HostPhys(0x1004), 1), m.read(HostPhys(0x2004), 1), m.read(HostPhys(0x3004), 1);
  CHECK(one.reads == 2);
  CHECK(one.offset == 0x2004);
  CHECK(two.reads == 1);
  CHECK(two.offset == 4);
  CHECK(m.regions().size() == 2);
  CHECK(m.regions()[1].name == "two");
}

TEST_CASE("A20 closed: bit 20 of every address is 0") {
  PhysicalMemory m;
  REQUIRE(m.add_ram(HostPhys(0), 0x300000, "ram"));
  m.write(HostPhys(0x100010), 1, 0xbb);
  m.write(HostPhys(0x10), 1, 0xaa);
  const u64 generation = m.map_generation();
  m.set_a20(true);
  CHECK(m.map_generation() == generation);
  m.set_a20(false);
  CHECK(m.map_generation() != generation);
  CHECK(m.read(HostPhys(0x100010), 1) == 0xaa);
  CHECK(m.pointer(HostPhys(0x100010), false) == m.pointer(HostPhys(0x10), false));
  m.mark_code(HostPhys(0x100080), 1);
  CHECK(m.page_has_code(HostPhys(0)));
  u8 byte;
  m.read_block(HostPhys(0x300010 - 0x200000), &byte, 1);
  CHECK(byte == 0xaa);
  m.set_a20(true);
  CHECK(m.read(HostPhys(0x100010), 1) == 0xbb);
}

TEST_CASE("written pages are folded over in address order, whatever the order of the regions") {
  PhysicalMemory m;
  REQUIRE(m.add_ram(HostPhys(0x100000), 0x100000, "high"));
  REQUIRE(m.add_ram(HostPhys(0), 0x80000, "low"));
  CHECK(written(m).empty());
  m.write(HostPhys(0x1fffff), 1, 1);
  m.pointer(HostPhys(0x41000), true);
  m.pointer(HostPhys(0x42000), false);
  const u8 block[3] = {1, 2, 3};
  m.write_block(HostPhys(0x2fff), block, 3);
  CHECK(written(m) == std::vector<u64>{0x2000, 0x3000, 0x41000, 0x1ff000});
  m.for_each_written_page([&](HostPhys page, const u8* bytes) {
    if (page.value == 0x3000) CHECK(bytes[1] == 3);
  });
}

TEST_CASE("stores on code lines are told before they land, others are not") {
  PhysicalMemory m;
  Watcher watcher;
  watcher.memory = &m;
  REQUIRE(m.add_ram(HostPhys(0), 0x10000, "ram"));
  m.set_code_watcher(&watcher);
  m.write(HostPhys(0x10ff), 1, 0x77);
  m.mark_code(HostPhys(0x10fe), 2);  // line 1 of the page
  m.mark_code(HostPhys(0x1fff), 2);  // lines 31 and, of the next page, 0
  CHECK(m.page_has_code(HostPhys(0x1abc)));
  CHECK(m.page_has_code(HostPhys(0x2abc)));
  CHECK_FALSE(m.page_has_code(HostPhys(0x3000)));
  CHECK(m.lines_have_code(HostPhys(0x1080), 128));
  CHECK_FALSE(m.lines_have_code(HostPhys(0x1100), 0xe80));
  CHECK(m.lines_have_code(HostPhys(0x1100), 0xe81));
  m.write(HostPhys(0x107f), 1, 1);
  m.write(HostPhys(0x1100), 8, 1);
  CHECK(watcher.seen.empty());
  m.write(HostPhys(0x10ff), 1, 0x78);
  REQUIRE(watcher.seen.size() == 1);
  CHECK(watcher.before == 0x77);
  m.write(HostPhys(0x107c), 8, 1);  // only its last bytes are on the line
  CHECK(watcher.seen.size() == 2);
  std::vector<u8> block(0x3000, 9);
  m.write_block(HostPhys(0), block.data(), block.size());
  CHECK(watcher.seen.size() == 4);
  CHECK(watcher.seen.back() == std::pair<u64, u64>{0x2000, 0x1000});
  m.unmark_code_page(HostPhys(0x1234));
  CHECK_FALSE(m.page_has_code(HostPhys(0x1000)));
  CHECK(m.page_has_code(HostPhys(0x2000)));
  m.write(HostPhys(0x10ff), 1, 1);
  CHECK(watcher.seen.size() == 4);
}

namespace {

std::vector<u64> marked(const PhysicalMemory& m, unsigned mark) {
  std::vector<u64> pages;
  for (const HostPhys page : m.marked_pages(mark)) pages.push_back(page.value);
  return pages;
}
using Pages = std::vector<u64>;

}  // namespace

TEST_CASE("marks are independent of each other: each has the pages written since it was added or cleared") {
  PhysicalMemory m;
  REQUIRE(m.add_ram(HostPhys(0), 0x100000, "ram"));
  m.write(HostPhys(0x1000), 1, 1);
  const unsigned first = m.add_mark().value();
  CHECK(marked(m, first).empty());
  m.write(HostPhys(0x3fff), 1, 3);
  m.pointer(HostPhys(0x2000), true);
  m.pointer(HostPhys(0x7000), false);
  CHECK(marked(m, first) == Pages{0x3000, 0x2000});
  const unsigned second = m.add_mark().value();
  CHECK(second != first);
  CHECK(marked(m, second).empty());
  const std::vector<u8> block(0x1001);
  m.write_block(HostPhys(0x2fff), block.data(), block.size());
  CHECK(marked(m, first) == Pages{0x3000, 0x2000});
  CHECK(marked(m, second) == Pages{0x2000, 0x3000});
  m.clear_mark(first);
  CHECK(marked(m, first).empty());
  CHECK(marked(m, second) == Pages{0x2000, 0x3000});
  m.write(HostPhys(0x3000), 8, 1);
  CHECK(marked(m, first) == Pages{0x3000});
  CHECK(marked(m, second) == Pages{0x2000, 0x3000});
  CHECK(written(m) == Pages{0x1000, 0x2000, 0x3000});
  m.remove_mark(first);
  CHECK(marked(m, first).empty());
  for (unsigned n = 1; n < PhysicalMemory::most_marks; ++n) CHECK(m.add_mark());
  CHECK_FALSE(m.add_mark());
  // RAM that comes later has marks, too.
  REQUIRE(m.add_ram(HostPhys(0x1000000), 0x10000, "more"));
  m.write(HostPhys(0x1000000), 1, 1);
  CHECK(marked(m, second) == Pages{0x2000, 0x3000, 0x1000000});
}

TEST_CASE("a page is put back as it was: by its own address, and only lines that differ are told of") {
  PhysicalMemory m;
  Watcher watcher;
  REQUIRE(m.add_ram(HostPhys(0), 0x200000, "ram"));
  m.set_code_watcher(&watcher);
  m.write(HostPhys(0x101010), 1, 7);
  std::vector<u8> old(m.ram_page(HostPhys(0x101000)), m.ram_page(HostPhys(0x101000)) + page_bytes);
  m.mark_code(HostPhys(0x101000), 1);
  m.mark_code(HostPhys(0x101100), 1);
  const unsigned mark = m.add_mark().value();
  CHECK(m.restore_page(HostPhys(0x101000), old.data()));
  CHECK(marked(m, mark).empty());
  m.set_a20(false);
  m.add_rom(HostPhys(0x101000), {1}, "rom");
  old[0x110] = 9;
  CHECK(m.restore_page(HostPhys(0x101000), old.data()));
  CHECK(watcher.seen == std::vector<std::pair<u64, u64>>{{0x101100, 0x80}});
  CHECK(marked(m, mark) == Pages{0x101000});
  CHECK(m.ram_page(HostPhys(0x101000))[0x110] == 9);
  CHECK(m.ram_page(HostPhys(0x1000))[0x110] == 0);
  CHECK(m.restore_page(HostPhys(0x101000), nullptr));
  CHECK(watcher.seen.size() == 3);
  CHECK(m.ram_page(HostPhys(0x101000))[0x110] == 0);
  CHECK_FALSE(m.restore_page(HostPhys(0x200000), nullptr));
  CHECK_FALSE(m.restore_page(HostPhys(0x101010), nullptr));
  CHECK(m.ram_page(HostPhys(0x200000)) == nullptr);
}

TEST_CASE("a device's RAM is seen where it is shown, and known by an address of its own") {
  PhysicalMemory m;
  Watcher watcher;
  m.set_code_watcher(&watcher);
  REQUIRE(m.add_ram(HostPhys(0), 0x10000, "ram"));
  const auto ram = m.add_device_ram(0x4000, "video");
  REQUIRE(ram);
  CHECK(ram->value >= bit(52));
  CHECK(m.regions().size() == 1);
  m.show_ram(*ram, HostPhys(0x100000), "window");
  CHECK(m.regions()[1].name == "window");
  m.write(HostPhys(0x101004), 4, 0x11223344);
  CHECK(m.ram_page(*ram + 0x1000)[4] == 0x44);
  const u32 mine = 0xaabbccdd;
  m.write_device_ram(*ram + 0x1008, &mine, 4);
  CHECK(m.read(HostPhys(0x101008), 4) == mine);
  CHECK(m.pointer(HostPhys(0x101008), true) != nullptr);
  PhysicalMemory::Page page;
  REQUIRE(m.page(HostPhys(0x101000), page));
  CHECK(page.ram);
  CHECK(page.number == 0x10 + 1);

  const auto mark = m.add_mark();
  m.write(HostPhys(0x102000), 1, 1);
  CHECK(m.marked_pages(*mark) == std::vector<HostPhys>{*ram + 0x2000});
  // Code is known where CPUs see it, whoever changes it.
  m.mark_code(HostPhys(0x101000), 16);
  m.write_device_ram(*ram + 0x1000, &mine, 4);
  REQUIRE(watcher.seen.size() == 1);
  CHECK(watcher.seen[0].first == 0x101000);
  CHECK(m.restore_page(*ram + 0x1000, nullptr));
  CHECK(watcher.seen.back().first == 0x101000);

  // It moves with all that is in it, lies over RAM and under registers, and goes away.
  m.show_ram(*ram, HostPhys(0x8000), "window");
  CHECK(m.read(HostPhys(0x102000), 1) == 0xff);
  CHECK(m.read(HostPhys(0xa000), 1) == 1);
  Device device;
  m.add_mmio(HostPhys(0x9000), 0x1000, device, "registers");
  m.show_ram(*ram, HostPhys(0x7000), "window");
  m.show_ram(*ram, HostPhys(0x8000), "window");
  CHECK(m.is_mmio(HostPhys(0x9000)));
  m.write(HostPhys(0xa000), 1, 7);
  m.hide_ram(*ram);
  CHECK(m.read(HostPhys(0xa000), 1) == 0);
  CHECK(m.ram_page(*ram + 0x2000)[0] == 7);
  CHECK_FALSE(m.add_ram(*ram, 0x1000, "no CPU's"));
}
