// Owns the real board for tests: its devices with a clock moved by hand, and random acts of a guest upon
// them.
#pragma once

#include <memory>
#include <vector>

#include "frontend/machine/board.h"
#include "tests/devices/fakes.h"
#include "tests/random.h"

namespace ringside {

// Where devices can be reached.
struct Targets final : Places {
  void ports(PortSpan span, PortDevice&, std::string_view) override { port_spans.push_back(span); }
  void memory(HostPhys base, u64 bytes, MmioDevice&, std::string_view) override {
    windows.emplace_back(base, bytes);
  }
  void movable(HostPhys base, u64 bytes, MmioDevice&, std::string_view) override {
    windows.emplace_back(base, bytes);
  }
  void movable_ports(PortSpan span, PortDevice&, std::string_view) override { port_spans.push_back(span); }
  void pci(unsigned device, unsigned function, PciFunction&) override {
    functions.push_back(0x80000000 | device << 11 | function << 8);
  }

  std::vector<PortSpan> port_spans;
  std::vector<std::pair<HostPhys, u64>> windows;
  std::vector<u32> functions;  // as CONFIG_ADDRESS selects them
};

// A guest's hand on some devices: the ports and the memory by which it reaches them.
struct Hand {
  PortBus& ports;
  PhysicalMemory& memory;
  FakeClock& clock;
  Targets targets;

  // One access, or a step of time; the same for the same numbers. What was read.
  u64 act(Random& random) {
    const u64 raw = random.next();
    const u64 value = random.below(2) ? raw : raw & 0xff;
    const std::size_t places = targets.port_spans.size() + targets.windows.size() + targets.functions.size();
    if (random.below(12) == 0 || places == 0) {
      const u64 ticks = random.below(u64{1} << random.below(24));
      random.below(2) ? clock.advance(ticks) : clock.leap(ticks);
      return 0;
    }
    std::size_t place = random.below(places);
    const bool write = random.below(2) != 0;
    if (place < targets.port_spans.size()) {
      const PortSpan span = targets.port_spans[place];
      return port(static_cast<u16>(span.first + random.below(span.count)), 1u << random.below(3), write,
                  value);
    }
    place -= targets.port_spans.size();
    if (place < targets.windows.size()) {
      const auto [base, bytes] = targets.windows[place];
      // Registers lie at the beginning of their window, mostly, and at multiples of 16.
      const u64 offset = random.below(random.below(2) ? bytes : std::min<u64>(bytes, 0x400));
      const unsigned size = random.below(3) ? 4 : 1u << random.below(4);
      return window(base + (random.below(4) ? offset & ~u64{15} : offset & ~u64{size - 1}), size, write,
                    value);
    }
    ports.port_write(0xcf8, 4, targets.functions[place - targets.windows.size()] | (raw >> 32 & 0xfc));
    return port(static_cast<u16>(0xcfc + (raw >> 48 & 3)), 1, write, value);
  }

  // Every register once, in order. Of a window that is larger than any chip's registers are, and so is
  // memory, a part from everywhere.
  std::vector<u64> look() {
    constexpr u64 most_registers = 0x1000, sample = 1028;  // at changing places of a page
    std::vector<u64> seen;
    for (const PortSpan& span : targets.port_spans)
      for (u16 n = 0; n < span.count; ++n)
        seen.push_back(ports.port_read(static_cast<u16>(span.first + n), 1));
    for (const auto& [base, bytes] : targets.windows)
      for (u64 n = 0; n < bytes; n += n < most_registers ? 4 : sample)
        seen.push_back(memory.read(base + n, 4));
    for (const u32 function : targets.functions) {
      for (u32 n = 0; n < 256; n += 4) {
        ports.port_write(0xcf8, 4, function | n);
        seen.push_back(ports.port_read(0xcfc, 4));
      }
    }
    return seen;
  }

 private:
  u64 port(u16 at, unsigned size, bool write, u64 value) {
    if (!write) return ports.port_read(at, size);
    ports.port_write(at, size, static_cast<u32>(value & bit_range(0, size * 8 - 1)));
    return 0;
  }
  u64 window(HostPhys at, unsigned size, bool write, u64 value) {
    if (!write) return memory.read(at, size);
    memory.write(at, size, value);
    return 0;
  }
};

// Two CPUs that run nothing, and everything that can be on a board.
struct RealBoard {
  static constexpr u64 ram_bytes = 1u << 20;

  static MachineConfig everything() {
    std::string error;
    MachineConfig config;
    config.model = *parse_cpu_model(default_cpu_model, error);
    config.ram_bytes = ram_bytes;
    config.cpus = 2;
    config.test_device = true;
    config.vga = true;
    config.vga_rom = std::vector<u8>(0x9000, 0x5a);
    config.debug_exit = MachineConfig::DebugExit{};
    config.serial_ports = 4;
    DriveRequest disk;
    disk.source = DriveRequest::Source::blank;
    config.drives = {disk, disk, disk};
    config.drives[1].index = 2;
    config.drives[1].cdrom = true;
    config.drives[2].bus = DriveRequest::Bus::floppy;
    return config;
  }

  RealBoard() {
    memory.add_ram(HostPhys(0), ram_bytes, "ram");
    for (unsigned n = 0; n < config.cpus; ++n) {
      mmus.push_back(std::make_unique<Mmu>(memory, config.model.physical_bits));
      cpus.push_back(std::make_unique<Cpu>(*mmus.back()));
      cpus.back()->index = n;
    }
    std::string error;
    drives = Drives::open(config.drives, error);
    board = std::make_unique<Board>(config, memory, clock, control, cpus, *drives);
  }
  Hand hand(Device& device) {
    Hand made{board->ports, memory, clock, {}};
    device.places(made.targets);
    return made;
  }
  Hand hand() {
    Hand made{board->ports, memory, clock, {}};
    for (const auto& device : board->devices()) device->places(made.targets);
    return made;
  }
  void take_memory_of(RealBoard& other) {
    std::vector<HostPhys> written;
    memory.for_each_written_page([&](HostPhys page, const u8*) { written.push_back(page); });
    for (const HostPhys page : written) memory.restore_page(page, nullptr);
    other.memory.for_each_written_page(
        [&](HostPhys page, const u8* bytes) { memory.restore_page(page, bytes); });
  }
  void fields(Fields& visit) { board->fields(visit); }
  void restored() { board->restored(); }

  MachineConfig config = everything();
  PhysicalMemory memory;
  FakeClock clock{2'900'000'000};
  FakeControl control;
  std::vector<std::unique_ptr<Mmu>> mmus;
  std::vector<std::unique_ptr<Cpu>> cpus;
  std::unique_ptr<Drives> drives;
  std::unique_ptr<Board> board;
};

}  // namespace ringside
