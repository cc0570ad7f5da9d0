// Owns the test of the ACPI fixed hardware, the reset port and the debug ports.
#include <doctest/doctest.h>

#include "devices/acpi/acpi_pm.h"
#include "devices/acpi/reset_port.h"
#include "devices/debug/debug_console.h"
#include "devices/debug/debug_exit.h"
#include "devices/debug/post_port.h"
#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
struct Bench {
  FakeClock clock;
  FakeLine sci;
  FakeControl control;
  AcpiPm pm;
  PortBus bus;
  explicit Bench(AcpiPm::TimerWidth width = AcpiPm::TimerWidth::bits_32) : pm(clock, sci, control, width) {
    PortsOf(bus, pm);
  }
};
}  // namespace

TEST_CASE("acpi: the PM timer counts 3.579545 MHz, wraps at its width and cannot be written") {
  Bench b(AcpiPm::TimerWidth::bits_24);
  b.clock.advance(b.clock.ticks_of(1000, AcpiPm::timer_hz));
  CHECK(b.bus.port_read(AcpiPm::pm_tmr_blk, 4) == 1000);
  b.bus.port_write(AcpiPm::pm_tmr_blk, 4, 0);
  CHECK(b.bus.port_read(AcpiPm::pm_tmr_blk, 2) == 1000);
  b.clock.advance_to(b.clock.ticks_of((1 << 24) + 5, AcpiPm::timer_hz));
  CHECK(b.bus.port_read(AcpiPm::pm_tmr_blk, 4) == 5);
  Bench wide;
  wide.clock.advance_to(wide.clock.ticks_of((1 << 24) + 5, AcpiPm::timer_hz));
  CHECK(wide.bus.port_read(AcpiPm::pm_tmr_blk, 4) == (1 << 24) + 5);
}

TEST_CASE("acpi: TMR_STS rises when the timer's top bit changes, and interrupts if enabled") {
  Bench b(AcpiPm::TimerWidth::bits_24);
  b.bus.port_write(AcpiPm::pm1a_cnt_blk, 2, 1);
  b.bus.port_write(AcpiPm::pm1a_evt_blk + 2, 2, 1);
  b.clock.advance_to(b.clock.ticks_of(1 << 23, AcpiPm::timer_hz) - 1);
  CHECK_FALSE(b.sci.level);
  b.clock.advance(1);
  CHECK(b.sci.level);
  b.bus.port_write(AcpiPm::pm1a_evt_blk, 2, 1);
  CHECK_FALSE(b.sci.level);
  b.bus.port_write(AcpiPm::pm1a_evt_blk + 2, 2, 0);
  b.clock.advance_to(b.clock.ticks_of(1 << 24, AcpiPm::timer_hz));
  CHECK(b.bus.port_read(AcpiPm::pm1a_evt_blk, 2) == 1);
  CHECK_FALSE(b.sci.level);
}

TEST_CASE("acpi: the SMI command port switches ACPI mode, without which there is no SCI") {
  Bench b;
  b.bus.port_write(AcpiPm::pm1a_evt_blk + 2, 2, 0xffff);
  CHECK(b.bus.port_read(AcpiPm::pm1a_evt_blk + 2, 2) == 0x0721);
  b.pm.press_power_button();
  CHECK(b.bus.port_read(AcpiPm::pm1a_evt_blk, 2) == 0x0100);
  CHECK_FALSE(b.sci.level);
  b.bus.port_write(AcpiPm::smi_cmd, 1, AcpiPm::acpi_enable);
  CHECK(b.pm.acpi_mode());
  CHECK((b.bus.port_read(AcpiPm::pm1a_cnt_blk, 2) & 1) == 1);
  CHECK(b.sci.level);
  b.bus.port_write(AcpiPm::pm1a_evt_blk + 1, 1, 0x01);  // write one to clear, by bytes too
  CHECK_FALSE(b.sci.level);
  b.bus.port_write(AcpiPm::smi_cmd, 1, AcpiPm::acpi_disable);
  CHECK_FALSE(b.pm.acpi_mode());
  b.bus.port_write(AcpiPm::smi_cmd + 1, 1, 0x77);
  CHECK(b.bus.port_read(AcpiPm::smi_cmd, 2) == (0x7700 | AcpiPm::acpi_disable));
}

TEST_CASE("acpi: only SLP_EN with S5's type turns the machine off") {
  Bench b;
  b.bus.port_write(AcpiPm::pm1a_cnt_blk, 2, AcpiPm::s5_sleep_type << 10);
  b.bus.port_write(AcpiPm::pm1a_cnt_blk, 2, ((AcpiPm::s5_sleep_type + 1) & 7) << 10 | 0x2000);
  CHECK(b.control.power_offs == 0);
  b.bus.port_write(AcpiPm::pm1a_cnt_blk, 2, AcpiPm::s5_sleep_type << 10 | 0x2001);
  CHECK(b.control.power_offs == 1);
  CHECK((b.bus.port_read(AcpiPm::pm1a_cnt_blk, 2) & 0x2000) == 0);
  b.bus.port_write(AcpiPm::pm1a_cnt_blk + 1, 1, AcpiPm::s5_sleep_type << 2 | 0x20);
  CHECK(b.control.power_offs == 2);
}

TEST_CASE("acpi: general-purpose events interrupt when enabled, until cleared") {
  Bench b;
  b.bus.port_write(AcpiPm::smi_cmd, 1, AcpiPm::acpi_enable);
  b.pm.raise_gpe(9);
  b.pm.raise_gpe(99);
  CHECK(b.bus.port_read(AcpiPm::gpe0_blk, 4) == 0x0200);
  CHECK_FALSE(b.sci.level);
  b.bus.port_write(AcpiPm::gpe0_blk + 3, 1, 0x02);
  CHECK(b.sci.level);
  b.bus.port_write(AcpiPm::gpe0_blk, 2, 0x0200);
  CHECK_FALSE(b.sci.level);
}

TEST_CASE("acpi: restored, the timer's carry still comes") {
  Bench a, b;
  a.bus.port_write(AcpiPm::pm1a_cnt_blk, 2, 1);
  a.bus.port_write(AcpiPm::pm1a_evt_blk + 2, 2, 1);
  auto saved = Snapshot::of(a.pm);
  CHECK(saved.into(b.pm));
  b.clock.advance_to(b.clock.ticks_of(u64{1} << 31, AcpiPm::timer_hz));
  CHECK(b.sci.level);
}

TEST_CASE("reset port: RST_CPU going from 0 to 1 resets, also inside PCI's dword port range") {
  FakeControl control;
  ResetPort port(control);
  PortBus bus;
  PortsOf(bus, port);
  bus.port_write(0xcf9, 1, 0x02);
  CHECK(control.resets == 0);
  CHECK(bus.port_read(0xcf9, 1) == 0x02);
  bus.port_write(0xcf9, 1, ResetPort::reset_value);
  CHECK(control.resets == 1);
  bus.port_write(0xcf9, 1, 0x0e);
  CHECK(control.resets == 2);
  CHECK(control.cpu_resets == 0);
  bus.port_write(0xcf9, 1, 0x00);
  bus.port_write(0xcf9, 1, 0x04);
  CHECK(control.resets == 2);
  CHECK(control.cpu_resets == 1);
}

TEST_CASE("debug ports: exit status, consoles, POST codes") {
  FakeControl control;
  FakeSink sink;
  DebugExit exit(control);
  DebugConsole console(sink);
  PostPort post;
  PortBus bus;
  PortsOf(bus, exit);
  PortsOf(bus, console);
  PortsOf(bus, post);
  bus.port_write(0xf4, 4, 16);
  CHECK(control.exits == 1);
  CHECK(control.status == 33);
  bus.port_write(0xf5, 1, 0);
  CHECK(control.status == 1);
  bus.port_write(0xf4, 4, 0xffffffff);
  CHECK(control.status == -1);
  CHECK(bus.port_read(0xe9, 1) == 0xe9);
  bus.port_write(0xe9, 1, 'o');
  bus.port_write(0x402, 1, 'k');
  CHECK(sink.text == "ok");
  bus.port_write(0x80, 1, 0x42);
  CHECK(post.code() == 0x42);
  CHECK(bus.port_read(0x80, 1) == 0x42);
}
