// Owns the way between the machine's serial port and a domain's 16550.
#include "roms/loft/serial.h"

#include "roms/kit/apic.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/loft/schedule.h"

namespace loft {
namespace {

constexpr u16 com1 = 0x3f8, interrupt_enable = com1 + 1, modem_control = com1 + 4, line_status = com1 + 5;
constexpr u8 serial_vector = 0xf2, serial_line = 4;

// The I/O APIC: an index at its first register, the data at 10H (the manual's chipset calls the entries
// redirection table).
constexpr u64 io_apic = 0xfec00000;

volatile bool arrived;

void on_serial(InterruptFrame&) {
  arrived = true;
  end_of_interrupt();
}

void write_io_apic(u32 index, u32 value) {
  write32(io_apic, index);
  write32(io_apic + 0x10, value);
}

Domain* owner() {
  for (u32 n = 0; n < most_domains; ++n)
    if (domain(n).exists && domain(n).has_serial && domain(n).state == domain_running) return &domain(n);
  return nullptr;
}

void follow_line(Domain& d) {
  d.pic.set_line(serial_line, d.uart.interrupts());
  if (d.pic.interrupts()) wake(d.vcpus[0]);
}

}  // namespace

void start_serial_input() {
  set_handler(serial_vector, on_serial);
  write_io_apic(0x10 + 2 * serial_line + 1, this_processor().apic_id << 24);
  write_io_apic(0x10 + 2 * serial_line, serial_vector);  // edge, fixed, not masked
  out8(modem_control, 0x0b);                             // OUT2 lets the interrupt out of the chip
  out8(interrupt_enable, 1);                             // something arrived
}

// The chip tells of the first byte only; so it is emptied, or asked again later, when the domain has room.
void take_serial_input() {
  if (!arrived) return;
  Domain* d = owner();
  while (in8(line_status) & 1) {
    if (!d) {
      in8(com1);
      continue;
    }
    // A driver that is not there yet would throw it away at its start.
    if (!d->uart.listens() || !d->uart.has_room()) return;
    d->uart.receive(in8(com1));
    follow_line(*d);
  }
  arrived = false;
}

bool has_serial_port(u16 port) { return port >= com1 && port <= com1 + 7; }

u8 read_serial(Domain& d, u16 port) {
  const u8 value = d.uart.in(static_cast<u8>(port - com1));
  follow_line(d);
  return value;
}

void write_serial(Domain& d, u16 port, u8 value) {
  d.uart.out(static_cast<u8>(port - com1), value);
  const int byte = d.uart.sent();
  const char letter = static_cast<char>(byte);
  if (byte >= 0) print_to_serial(&letter, 1);
  follow_line(d);
}

}  // namespace loft
