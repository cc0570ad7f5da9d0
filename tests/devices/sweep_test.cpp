// Owns the hostile test of all chips at once: any port, any offset, any size, any value, at any time,
// interrupted by the host; and that a restored board goes on exactly as the saved one.
#include <doctest/doctest.h>

#include <memory>

#include "devices/acpi/acpi_pm.h"
#include "devices/acpi/reset_port.h"
#include "devices/debug/debug_console.h"
#include "devices/debug/debug_exit.h"
#include "devices/debug/post_port.h"
#include "devices/dma/dma8237.h"
#include "devices/ferr/ferr_port.h"
#include "devices/fwcfg/fw_cfg.h"
#include "devices/hpet/hpet.h"
#include "devices/i8042/i8042.h"
#include "devices/irq_or.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/pci_bus.h"
#include "devices/pci/piix.h"
#include "devices/pic/pic8259.h"
#include "devices/pit/pit8254.h"
#include "devices/rtc/cmos_rtc.h"
#include "devices/serial/uart16550.h"
#include "devices/testdev/pc_testdev.h"
#include "tests/devices/fakes.h"
#include "tests/random.h"

using namespace ringside;

namespace {

struct NullRouting final : HpetRouting {
  void set_gsi(unsigned, bool) override {}
  void set_legacy(unsigned, bool) override {}
  void legacy_replacement(bool) override {}
};

struct Card final : PciFunction {
  Card() : PciFunction("card", {0x1234, 0x5678, 1, 0x020000, 3}) {
    define_bar(0, BarKind::io, 4);
    define_bar(1, BarKind::memory32, 16);
    define_bar(2, BarKind::memory64, u64{1} << 40);
    define_bar(5, BarKind::memory32, u64{1} << 31);
  }
  using PciFunction::set_interrupt;
};

// All chips, wired as a PC wires them.
struct Board {
  FakeClock clock{2'900'000'000};
  FakeLine intr, a20;
  FakeControl control;
  FakeSink sink;
  FakeMemory memory;
  NullRouting routing;
  PortBus bus;
  PicPair pic{intr};
  IrqOr irq9{pic.line(9)};
  Uart16550 uart{"uart0", clock, pic.line(4), sink};
  Pit8254 pit{clock, pic.line(0)};
  CmosRtc rtc{clock, pic.line(8)};
  I8042 kbc{pic.line(1), pic.line(12), a20, control};
  AcpiPm acpi{clock, irq9.input(), control};
  ResetPort reset_port{control};
  DebugExit debug_exit{control};
  DebugConsole console{sink};
  PostPort post;
  Dma8237 dma;
  FerrPort ferr{pic.line(13)};
  FwCfg fw_cfg{memory};
  Hpet hpet{clock, routing};
  PcTestdev testdev{[this] {
    std::array<IrqLine*, 24> lines{};
    for (unsigned i = 0; i < 24; ++i) lines[i] = i == 5 ? &pic.line(5) : nullptr;
    return lines;
  }()};
  I440fx host;
  Piix3Isa isa{[this] {
    std::array<IrqLine*, 16> lines{};
    for (unsigned irq : {3, 6, 7, 10, 11, 14, 15}) lines[irq] = &pic.line(irq);
    lines[9] = &irq9.input();
    return lines;
  }()};
  Piix4Pm pm;
  Card card;
  PciBus pci;

  Board() {
    pci.set_pirq_sink(&isa);
    pci.attach_function(0, 0, host);
    pci.attach_function(1, 0, isa);
    pci.attach_function(1, 3, pm);
    pci.attach_function(4, 0, card);
    pic.attach_to(bus), pit.attach_to(bus), kbc.attach_to(bus), acpi.attach_to(bus), dma.attach_to(bus);
    fw_cfg.attach_to(bus), testdev.attach_to(bus);
    attach(bus, Uart16550::com1, uart, "uart0");
    attach(bus, CmosRtc::ports, rtc, "rtc");
    attach(bus, PciBus::ports, pci, "pci");
    attach(bus, ResetPort::ports, reset_port, "reset");
    attach(bus, DebugExit::default_ports, debug_exit, "exit");
    attach(bus, DebugConsole::bochs_port, console, "console");
    attach(bus, DebugConsole::firmware_port, console, "console");
    attach(bus, PostPort::ports, post, "post");
    attach(bus, FerrPort::ports, ferr, "ferr");
    fw_cfg.add_file("etc/file", std::vector<u8>(100, 7));
  }

  void fields(Fields& fields) {
    pic.fields(fields), uart.fields(fields), pit.fields(fields), rtc.fields(fields), kbc.fields(fields);
    acpi.fields(fields), reset_port.fields(fields), post.fields(fields), dma.fields(fields),
        ferr.fields(fields);
    fw_cfg.fields(fields), hpet.fields(fields), testdev.fields(fields), pci.fields(fields);
  }
  void restored() {
    uart.restored(), pit.restored(), rtc.restored(), kbc.restored(), acpi.restored(), reset_port.restored();
    post.restored(), dma.restored(), ferr.restored(), fw_cfg.restored(), hpet.restored(), testdev.restored();
    pci.restored(), pic.restored();
  }
  void reset() {
    uart.reset(), pit.reset(), rtc.reset(), kbc.reset(), acpi.reset(), reset_port.reset(), post.reset();
    dma.reset(), ferr.reset(), fw_cfg.reset(), hpet.reset(), pci.reset(), testdev.reset(), pic.reset();
  }

  // One act of the guest, of the host or of time, the same for the same numbers. Returns what was seen.
  u64 act(Random& random) {
    const unsigned size = 1u << random.below(3);
    const u64 raw = random.next();
    const u32 value =
        static_cast<u32>(random.below(2) ? raw : raw & 0xff) & static_cast<u32>(bit_range(0, size * 8 - 1));
    const std::vector<PortBus::Range>& ranges = bus.ranges();
    const PortBus::Range& range = ranges[random.below(ranges.size())];
    const u16 port = static_cast<u16>(
        random.below(50) == 0 ? random.next() : range.first + random.below(range.last - range.first + 1u));
    const unsigned wide = 1u << random.below(4);
    static constexpr std::array<u64, 10> hpet_registers{0,     0x10,  0x20,  0xf0,  0x100,
                                                        0x108, 0x120, 0x128, 0x140, 0x148};
    const u64 hpet_at = random.below(4) ? hpet_registers[random.below(hpet_registers.size())]
                                        : random.below(Hpet::bytes / wide) * wide +
                                              (random.below(8) ? 0 : random.below(wide));
    switch (random.below(40)) {
      case 0: clock.advance(random.below(u64{1} << random.below(24))); return 0;
      case 1: clock.leap(random.below(u64{1} << random.below(24))); return 0;
      case 2: return uart.input(static_cast<u8>(value));
      case 3: return uart.input_break();
      case 4: uart.set_modem_lines(static_cast<u8>(value)); return 0;
      case 5: return kbc.key(static_cast<u8>(value), (raw >> 40) & 1, (raw >> 41) & 1);
      case 6:
        kbc.move_mouse(static_cast<int>(raw), static_cast<int>(raw >> 32), static_cast<int>(raw >> 20),
                       value & 0xff);
        return 0;
      case 7: kbc.pause_key(); return 0;
      case 8: acpi.press_power_button(); return 0;
      case 9: acpi.raise_gpe(value & 31); return 0;
      case 10: card.set_interrupt(raw & 1); return 0;
      case 11: ferr.ferr().set(raw & 1); return 0;
      case 12:
      case 13: return pic.pending() ? pic.acknowledge() : 0x100;
      case 14: return pic.acknowledge();
      case 15:
      case 16:
        if (hpet_at + wide <= Hpet::bytes) hpet.mmio_write(hpet_at, wide, raw >> random.below(64));
        return 0;
      case 17: return hpet_at + wide <= Hpet::bytes ? hpet.mmio_read(hpet_at, wide) : 0;
      case 18: testdev.mmio_write(random.below(PcTestdev::io_ram_bytes - 8), wide, raw); return 0;
      case 19: return testdev.mmio_read(random.below(PcTestdev::io_ram_bytes - 8), wide);
      case 20:
      case 21:
        bus.port_write(
            0xcf8, 4,
            0x80000000 | static_cast<u32>(random.below(5) << 11 | random.below(4) << 8 | (raw & 0xfc)));
        return 0;
      case 22:
        if (random.below(100) == 0) reset();
        return 0;
      default: break;
    }
    if (random.below(2)) return bus.port_read(port, size);
    bus.port_write(port, size, value);
    return 0;
  }
};

}  // namespace

TEST_CASE("sweep: a guest may do anything to the chips, and a restored board goes on as the saved one") {
  Random random{0x9e3779b97f4a7c15};
  auto board = std::make_unique<Board>();
  for (int round = 0; round < 1000; ++round) {
    CAPTURE(round);
    for (int i = 0; i < 400; ++i) board->act(random);

    auto saved = Snapshot::of(*board);
    auto copy = std::make_unique<Board>();
    // The copy has a past of its own, which must not show.
    Random other{static_cast<u64>(round) + 77};
    for (int i = 0; i < 200; ++i) copy->act(other);
    copy->clock.now_ = board->clock.now_;
    copy->memory = board->memory;
    CHECK(saved.into(*copy));
    CHECK(Snapshot::of(*copy).data == saved.data);

    Random same = random;
    int first_difference = -1;
    for (int i = 0; i < 600 && first_difference < 0; ++i) {
      if (board->act(random) != copy->act(same)) first_difference = i;
    }
    CHECK(first_difference == -1);
    CHECK(Snapshot::of(*board).data == Snapshot::of(*copy).data);
    CHECK(board->intr.level == copy->intr.level);
    CHECK(board->clock.any_armed() == copy->clock.any_armed());
    if (round % 20 == 19) board->reset();
  }
}

TEST_CASE("no two chips claim a port, but for the reset register inside PCI's dwords") {
  Board board;
  const std::vector<PortBus::Range>& ranges = board.bus.ranges();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    for (std::size_t j = i + 1; j < ranges.size(); ++j) {
      const bool apart = ranges[i].last < ranges[j].first || ranges[j].last < ranges[i].first;
      const bool known = ranges[i].name == "pci" && ranges[j].name == "reset";
      INFO(ranges[i].name, " and ", ranges[j].name);
      CHECK((apart || known));
    }
  }
}

TEST_CASE("an idle board wakes nobody: no chip keeps a timer running that the guest has not asked for") {
  Board board;
  CHECK_FALSE(board.clock.any_armed());
  board.clock.advance(u64{3600} * board.clock.frequency());
  CHECK(board.clock.fired_ == 0);
}

TEST_CASE("sweep: every port of every chip can be read and written in every size") {
  for (const unsigned size : {1u, 2u, 4u}) {
    Board board;
    for (unsigned port = 0; port < 0x10000; ++port) {
      const u32 value = board.bus.port_read(static_cast<u16>(port), size);
      CHECK(value <= bit_range(0, size * 8 - 1));
      board.bus.port_write(static_cast<u16>(port), size, 0xffffffff);
      board.bus.port_write(static_cast<u16>(port), size, 0);
    }
  }
}
