// Owns the test of PCI: configuration mechanism #1, sizing of base addresses, write masks, interrupt routing,
// shadowing.
#include <doctest/doctest.h>

#include "devices/acpi/reset_port.h"
#include "devices/bus/wire.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/pci_bus.h"
#include "devices/pci/piix.h"
#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
struct Card final : PciFunction {
  struct Event {
    unsigned bar;
    bool decoded;
    u64 address;
    bool operator==(const Event&) const = default;
  };
  std::vector<Event> events;
  Card() : PciFunction("card", {0x1234, 0x5678, 1, 0x020000, 1, 0x1111, 0x2222}) {
    define_bar(0, BarKind::io, 0x20);
    define_bar(1, BarKind::memory32, 0x1000);
    define_bar(2, BarKind::memory64, u64{1} << 33, true);
  }
  void bar_mapped(unsigned bar, bool decoded, u64 address) override {
    events.push_back({bar, decoded, address});
  }
  using PciFunction::set_interrupt;
  Description describe() const override { return {"card", "a card of the test"}; }
};
struct FakeShadow final : ShadowSink {
  std::vector<std::string> calls;
  void set_shadow(HostPhys start, u64 bytes, bool read, bool write) override {
    char text[64];
    std::snprintf(text, sizeof text, "%llx+%llx %d%d", static_cast<unsigned long long>(start.value),
                  static_cast<unsigned long long>(bytes), read, write);
    calls.emplace_back(text);
  }
};
struct Bench {
  std::array<FakeLine, 16> irqs;
  FakeShadow shadow;
  I440fx host{&shadow};
  Piix3Isa isa{wires()};
  PortBus bus;
  FakeClock clock;
  FakeLine sci;
  FakeControl control;
  AcpiPm acpi{clock, sci, control};
  Piix4Pm pm{acpi, bus};
  Card card;
  PciBus pci;
  ResetPort reset{control};

  Bench() {
    CHECK(pci.attach_function(I440fx::device, I440fx::function, host));
    CHECK(pci.attach_function(Piix3Isa::device, Piix3Isa::function, isa));
    CHECK(pci.attach_function(Piix4Pm::device, Piix4Pm::function, pm));
    CHECK(pci.attach_function(3, 0, card));
    pci.set_pirq_sink(&isa);
    PortsOf(bus, pci);
    PortsOf(bus, reset);
  }
  void fields(Fields& visit) {
    host.fields(visit), isa.fields(visit), pm.fields(visit), card.fields(visit), pci.fields(visit);
  }
  void restored() { host.restored(), isa.restored(), pm.restored(), card.restored(); }
  std::array<IrqLine*, 16> wires() {
    std::array<IrqLine*, 16> lines{};
    for (unsigned i = 0; i < 16; ++i) lines[i] = &irqs[i];
    return lines;
  }
  void select(u8 device, u8 function, u8 reg) {
    bus.port_write(0xcf8, 4, 0x80000000u | device << 11 | function << 8 | (reg & 0xfc));
  }
  u32 in(u8 device, u8 function, u8 reg, unsigned size = 4) {
    select(device, function, reg);
    return bus.port_read(static_cast<u16>(0xcfc + (reg & 3)), size);
  }
  void out(u8 device, u8 function, u8 reg, u32 value, unsigned size = 4) {
    select(device, function, reg);
    bus.port_write(static_cast<u16>(0xcfc + (reg & 3)), size, value);
  }
};
}  // namespace

TEST_CASE("pci: the bridges are where software looks for them") {
  Bench b;
  CHECK(b.in(0, 0, 0) == 0x12378086);
  CHECK(b.in(1, 0, 0) == 0x70008086);
  CHECK(b.in(1, 3, 0) == 0x71138086);
  CHECK((b.in(1, 0, 0x0e, 1) & 0x80) == 0x80);  // several functions
  CHECK((b.in(0, 0, 0x0e, 1) & 0x80) == 0);
  CHECK((b.in(0, 0, 8) >> 8) == 0x060000);
  CHECK((b.in(1, 0, 8) >> 8) == 0x060100);
  CHECK(b.in(1, 3, 0x40) == 1);
  b.out(1, 3, 0x40, 0xffffffff);
  CHECK(b.in(1, 3, 0x40) == 0xffc1);
  CHECK(b.in(2, 0, 0) == 0xffffffff);
  CHECK(b.in(1, 1, 0, 2) == 0xffff);
  b.bus.port_write(0xcf8, 4, 0x80010000);  // bus 1
  CHECK(b.bus.port_read(0xcfc, 4) == 0xffffffff);
}

TEST_CASE(
    "pci: CONFIG_ADDRESS takes 32 bits at once; CONFIG_DATA bytes and words; port 0xcf9 is the reset's") {
  Bench b;
  b.bus.port_write(0xcf8, 4, 0xffffffff);
  CHECK(b.bus.port_read(0xcf8, 4) == 0x80fffffc);
  b.select(3, 0, 0);
  b.bus.port_write(0xcf8, 1, 0x40);
  b.bus.port_write(0xcfa, 2, 0xffff);
  CHECK(b.bus.port_read(0xcf8, 4) == 0x80001800);
  CHECK(b.bus.port_read(0xcfd, 1) == 0x12);
  CHECK(b.bus.port_read(0xcfe, 2) == 0x5678);
  CHECK(b.bus.port_read(0xcfd, 2) == 0x7812);
  b.bus.port_write(0xcf9, 1, 0x06);
  CHECK(b.control.resets == 1);
  CHECK(b.bus.port_read(0xcf8, 4) == 0x80001800);
  b.bus.port_write(0xcf8, 4, 0x00001800);  // not enabled
  CHECK(b.bus.port_read(0xcfc, 4) == 0xffffffff);
}

TEST_CASE("pci: identity cannot be written; status is cleared by ones; the line register is a note") {
  Bench b;
  b.out(3, 0, 0x00, 0);
  b.out(3, 0, 0x08, 0);
  b.out(3, 0, 0x2c, 0);
  CHECK(b.in(3, 0, 0x00) == 0x56781234);
  CHECK(b.in(3, 0, 0x08) == 0x02000001);
  CHECK(b.in(3, 0, 0x2c) == 0x22221111);
  b.out(3, 0, 0x3c, 0xff0b);
  CHECK(b.in(3, 0, 0x3c, 2) == 0x010b);
  b.out(3, 0, 0x04, 0xffffffff);
  CHECK(b.in(3, 0, 0x04, 2) == 0x0407);
}

TEST_CASE("pci: base addresses are sized by writing ones, and decoded when placed and enabled") {
  Bench b;
  b.out(3, 0, 0x04, 0x7, 2);
  b.out(3, 0, 0x10, 0xffffffff);
  CHECK(b.in(3, 0, 0x10) == 0xffffffe1);
  b.out(3, 0, 0x14, 0xffffffff);
  CHECK(b.in(3, 0, 0x14) == 0xfffff000);
  b.out(3, 0, 0x18, 0xffffffff);
  b.out(3, 0, 0x1c, 0xffffffff);
  CHECK(b.in(3, 0, 0x18) == 0x0000000c);
  CHECK(b.in(3, 0, 0x1c) == 0xfffffffe);
  b.out(3, 0, 0x24, 0xffffffff);
  CHECK(b.in(3, 0, 0x24) == 0);
  b.card.events.clear();
  b.out(3, 0, 0x04, 0, 2);
  b.card.events.clear();
  b.out(3, 0, 0x10, 0xc021);
  b.out(3, 0, 0x14, 0xfebf0000);
  CHECK(b.card.events.empty());
  using Events = std::vector<Card::Event>;
  b.out(3, 0, 0x04, 1, 2);
  CHECK(b.card.events == Events{{0, true, 0xc020}});
  b.card.events.clear();
  b.out(3, 0, 0x04, 2, 2);
  CHECK(b.card.events.at(0) == Card::Event{0, false, 0xc020});
  CHECK(b.card.events.at(1) == Card::Event{1, true, 0xfebf0000});
  b.card.events.clear();
  b.out(3, 0, 0x14, 0xe0000000);
  CHECK(b.card.events == Events{{1, false, 0xfebf0000}, {1, true, 0xe0000000}});
}

TEST_CASE(
    "pci: interrupts go by pin and device to a PIRQ, and by the ISA bridge to an IRQ; sharing is an OR") {
  Bench b;
  Card other;
  CHECK(b.pci.attach_function(7, 0, other));  // the same PIRQ as device 3
  CHECK(PciBus::pirq_of(3, 1) == 2);
  CHECK(PciBus::pirq_of(7, 1) == 2);
  CHECK(PciBus::pirq_of(1, 1) == 0);
  b.card.set_interrupt(true);
  for (const FakeLine& line : b.irqs) CHECK_FALSE(line.level);  // not routed yet
  b.out(1, 0, 0x62, 11, 1);
  CHECK(b.irqs[11].level);
  CHECK((b.in(3, 0, 0x06, 2) & 8) == 8);
  other.set_interrupt(true);
  b.card.set_interrupt(false);
  CHECK(b.irqs[11].level);
  b.pci.config_write(0, 7, 0, 0x04, 2, 0x0400);  // INTx disable
  CHECK_FALSE(b.irqs[11].level);
  b.pci.config_write(0, 7, 0, 0x04, 2, 0);
  CHECK(b.irqs[11].level);
  b.out(1, 0, 0x62, 13, 1);  // cannot be routed there
  CHECK_FALSE(b.irqs[13].level);
  CHECK_FALSE(b.irqs[11].level);
}

TEST_CASE("pci: the host bridge's PAM registers say who answers in the ROM area") {
  Bench b;
  b.out(0, 0, 0x59, 0x30, 1);
  b.out(0, 0, 0x5a, 0x21, 1);
  CHECK(b.shadow.calls == std::vector<std::string>{"f0000+10000 11", "c0000+4000 10", "c4000+4000 01"});
  b.shadow.calls.clear();
  b.out(0, 0, 0x5c, 0x33333333);
  CHECK(b.shadow.calls.size() == 8);
  CHECK(b.shadow.calls.back() == "ec000+4000 11");
  b.shadow.calls.clear();
  b.host.reset(ResetKind::warm);
  CHECK(b.shadow.calls.size() == 13);
  CHECK(b.in(0, 0, 0x59, 1) == 0);
}

TEST_CASE("pci: saved and restored with an interrupt pending") {
  Bench a, b;
  a.out(1, 0, 0x62, 10, 1);
  a.out(3, 0, 0x14, 0xe0000000);
  a.out(3, 0, 0x04, 2, 2);
  a.card.set_interrupt(true);
  auto saved = Snapshot::of(a);
  CHECK(saved.into(b));
  // The line is somebody else's state. What the function does next finds it high.
  CHECK(b.irqs[10].rises == 0);
  b.irqs[10].level = true;
  b.card.set_interrupt(false);
  CHECK_FALSE(b.irqs[10].level);
  CHECK(b.card.events == std::vector<Card::Event>{{1, true, 0xe0000000}});
}

TEST_CASE("a wire is high while one of its drivers holds it, and is not cut off") {
  FakeLine line;
  Wire both;
  both.to(line);
  Wire::Driver &a = both.driver(), &b = both.driver();
  a.set(true);
  b.set(true);
  a.set(false);
  CHECK(line.level);
  b.set(false);
  CHECK_FALSE(line.level);
  CHECK(line.rises == 1);
  a.cut(true);
  a.set(true);
  CHECK_FALSE(line.level);
  a.cut(false);
  CHECK(line.level);
}

TEST_CASE("the power-management ports are where software puts them, as SeaBIOS does, and a restore follows") {
  Bench b, other;
  const auto cnt = [](Bench& at, u16 base) { return at.bus.port_read(static_cast<u16>(base + 4), 2); };
  b.pm.reset(ResetKind::power_on);
  other.pm.reset(ResetKind::power_on);
  // At power-on the registers say that nothing is decoded, and firmware (OVMF) relies on that.
  CHECK(b.in(1, 3, 0x40) == 1);
  CHECK(b.in(1, 3, 0x80, 1) == 0);
  CHECK(cnt(b, 0x600) == 0);
  b.out(1, 3, 0x40, 0xb001);
  CHECK(cnt(b, 0x600) == 0xffff);
  CHECK(cnt(b, 0xb000) == 0xffff);
  b.out(1, 3, 0x80, 1, 1);
  CHECK(cnt(b, 0xb000) == 0);
  auto saved = Snapshot::of(b);
  CHECK(saved.into(other));
  CHECK(cnt(other, 0xb000) == 0);
  b.out(1, 3, 0x80, 0, 1);
  CHECK(cnt(b, 0xb000) == 0xffff);
  b.pm.reset(ResetKind::warm);
  CHECK(cnt(b, 0x600) == 0);
}
