// Owns the test of the firmware configuration device, the test device, DMA registers and the FERR port.
#include <doctest/doctest.h>

#include "devices/dma/dma8237.h"
#include "devices/ferr/ferr_port.h"
#include "devices/fwcfg/fw_cfg.h"
#include "devices/testdev/pc_testdev.h"
#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
struct Bench {
  FakeMemory memory;
  FwCfg cfg{memory};
  PortBus bus;
  Bench() { PortsOf(bus, cfg); }

  std::string read(u16 key, unsigned length) {
    bus.port_write(0x510, 2, key);
    std::string bytes;
    for (unsigned i = 0; i < length; ++i) bytes.push_back(static_cast<char>(bus.port_read(0x511, 1)));
    return bytes;
  }
  u64 number(u16 key, unsigned length) {
    const std::string bytes = read(key, length);
    u64 value = 0;
    for (unsigned i = length; i-- > 0;) value = value << 8 | static_cast<u8>(bytes[i]);
    return value;
  }
  // Runs one transfer by the descriptor at 0x100; returns its control word afterwards.
  u32 dma(u32 control, u32 length, u64 address) {
    u8* d = memory.ram.data() + 0x100;
    for (int i = 0; i < 4; ++i) d[i] = static_cast<u8>(control >> (24 - 8 * i));
    for (int i = 0; i < 4; ++i) d[4 + i] = static_cast<u8>(length >> (24 - 8 * i));
    for (int i = 0; i < 8; ++i) d[8 + i] = static_cast<u8>(address >> (56 - 8 * i));
    bus.port_write(0x514, 4, 0);
    bus.port_write(0x518, 4, __builtin_bswap32(0x100));
    return u32{d[0]} << 24 | u32{d[1]} << 16 | u32{d[2]} << 8 | d[3];
  }
  std::string text(u64 at, std::size_t length) {
    return std::string(memory.ram.begin() + static_cast<std::ptrdiff_t>(at),
                       memory.ram.begin() + static_cast<std::ptrdiff_t>(at + length));
  }
};
}  // namespace

TEST_CASE("fw_cfg: signature, features, machine facts; beyond an item there are zeros") {
  Bench b;
  b.cfg.set_machine(u64{6} << 30, 3, 4);
  CHECK(b.read(FwCfg::signature, 4) == "QEMU");
  CHECK(b.number(FwCfg::id, 4) == 3);
  CHECK(b.number(FwCfg::ram_size, 8) == u64{6} << 30);
  CHECK(b.number(FwCfg::cpu_count, 4) == 3);  // an item of two bytes, read as four
  CHECK(b.number(FwCfg::max_cpus, 2) == 4);
  CHECK(b.number(0x77, 4) == 0);
  CHECK(b.number(FwCfg::ram_size | 0x4000, 8) == u64{6} << 30);
}

TEST_CASE("fw_cfg: the directory names the files, big endian") {
  Bench b;
  CHECK(b.cfg.add_file("etc/one", {1, 2, 3}) == 0x20);
  CHECK(b.cfg.add_file(std::string(55, 'n'), {9}) == 0x21);
  CHECK(b.cfg.add_file("etc/one", {}) == 0);
  CHECK(b.cfg.add_file(std::string(56, 'n'), {}) == 0);
  const std::string directory = b.read(FwCfg::file_directory, 4 + 2 * 64);
  CHECK(directory.substr(0, 4) == std::string("\0\0\0\2", 4));
  CHECK(directory.substr(4, 8) == std::string("\0\0\0\3\0\x20\0\0", 8));
  CHECK(std::string(directory.c_str() + 12) == "etc/one");
  CHECK(std::string(directory.c_str() + 76) == std::string(55, 'n'));
  CHECK(b.read(0x20, 4) == std::string("\1\2\3\0", 4));
}

TEST_CASE("fw_cfg: kernel items") {
  Bench b;
  FwCfg::Kernel kernel;
  kernel.setup = {7};
  kernel.kernel = {1, 2};
  kernel.initrd = {3, 4, 5};
  kernel.command_line = "console=ttyS0";
  kernel.kernel_at = 0x100000;
  b.cfg.set_kernel(kernel);
  CHECK(b.number(FwCfg::kernel_address, 4) == 0x100000);
  CHECK(b.number(FwCfg::initrd_size, 4) == 3);
  CHECK(b.read(FwCfg::command_line_data, 14) == std::string("console=ttyS0\0", 14));
  CHECK(b.number(FwCfg::command_line_size, 4) == 14);
}

TEST_CASE("fw_cfg: DMA reads, skips, selects, refuses writes and reports errors") {
  Bench b;
  b.cfg.add_file("f", {'a', 'b', 'c', 'd', 'e'});
  CHECK(b.bus.port_read(0x514, 4) == 0x554d4551);
  CHECK(b.bus.port_read(0x518, 4) == 0x47464320);
  CHECK(b.dma(0x20 << 16 | 8 | 2, 3, 0x200) == 0);
  CHECK(b.text(0x200, 3) == "abc");
  CHECK(b.dma(4, 1, 0) == 0);
  b.memory.ram[0x301] = 0x55;
  CHECK(b.dma(2, 4, 0x300) == 0);
  CHECK(b.text(0x300, 4) == std::string("e\0\0\0", 4));
  CHECK(b.dma(16, 1, 0x200) == 1);
  CHECK(b.dma(2, 0xffffffff, 0x200) == 1);  // runs off the memory
  CHECK(b.dma(2, 16, 0xfffffffffffffff8) == 1);
  CHECK(b.dma(0x20 << 16 | 8, 0, 0) == 0);
  CHECK(b.bus.port_read(0x511, 1) == 'a');
}

TEST_CASE("testdev: lines, scratch register of any width, I/O RAM") {
  std::array<FakeLine, 24> lines;
  std::array<IrqLine*, 24> wires{};
  for (unsigned i = 0; i < 23; ++i) wires[i] = &lines[i];
  PcTestdev dev(wires);
  PortBus bus;
  PortsOf(bus, dev);
  bus.port_write(0x2005, 1, 1);
  CHECK(lines[5].level);
  bus.port_write(0x2005, 1, 0);
  CHECK_FALSE(lines[5].level);
  bus.port_write(0x2017, 1, 1);  // not wired
  bus.port_write(0xe0, 4, 0x12345678);
  CHECK(bus.port_read(0xe0, 1) == 0x78);
  CHECK(bus.port_read(0xe0, 2) == 0x5678);
  bus.port_write(0xe1, 1, 0xaa);
  CHECK(bus.port_read(0xe0, 4) == 0x1234aa78);
  bus.port_write(0xe4, 4, 0xdeadbeef);
  dev.mmio_write(0xfffc, 4, 0xcafef00d);
  CHECK(dev.mmio_read(0xfffe, 2) == 0xcafe);
  auto saved = Snapshot::of(dev);
  PcTestdev other(wires);
  CHECK(saved.into(other));
  CHECK(other.mmio_read(0xfffc, 4) == 0xcafef00d);
}

TEST_CASE("dma: addresses and counts go through the byte flip-flop; pages keep their bytes") {
  Dma8237 dma;
  PortBus bus;
  PortsOf(bus, dma);
  bus.port_write(0x0c, 1, 0);
  bus.port_write(0x04, 1, 0x34);
  bus.port_write(0x04, 1, 0x12);
  CHECK(bus.port_read(0x04, 1) == 0x34);
  CHECK(bus.port_read(0x04, 1) == 0x12);
  bus.port_write(0xd8, 1, 0);
  bus.port_write(0xc6, 1, 0x78);
  bus.port_write(0xc6, 1, 0x56);
  CHECK(bus.port_read(0xc6, 1) == 0x78);
  CHECK(bus.port_read(0xc6, 1) == 0x56);
  bus.port_write(0x83, 1, 0x99);
  CHECK(bus.port_read(0x83, 1) == 0x99);
  CHECK(bus.port_read(0x8f, 1) == 0x00);
  bus.port_write(0x0a, 1, 0x02);
  CHECK(bus.port_read(0x0f, 1) == 0xfb);
  bus.port_write(0x0d, 1, 0);
  CHECK(bus.port_read(0x0f, 1) == 0xff);
}

TEST_CASE("ferr: an x87 error raises IRQ 13 until port 0xf0 is written, which asks to ignore it") {
  FakeLine irq13;
  FerrPort port(irq13);
  port.set_ferr(true);
  CHECK(irq13.level);
  CHECK_FALSE(port.ignne());
  port.io_write(0, 1, 0);
  CHECK_FALSE(irq13.level);
  CHECK(port.ignne());
  port.set_ferr(false);
  CHECK_FALSE(port.ignne());
  port.io_write(0, 1, 0);
  CHECK_FALSE(port.ignne());
}
