// Owns the guest's serial port, and the two threads that it needs beside the guest's: one waits for what is
// typed, the other for the end of a line that does not end.
#include "roms/lodge/programs/vmm/guest.h"

namespace lodge {
namespace {

constexpr u8 serial_line = 4;
constexpr u64 moment = 20'000'000;  // nanoseconds that a begun line may wait

bool taken;  // of the lock: the guest's thread and these two both come here
char line[200];
u64 line_bytes, line_begin;
bool line_level;

void write_line() {
  if (line_bytes) call(Call::write, address_of(line), line_bytes);
  line_bytes = 0;
}

// After everything that may have changed the port.
void follow(Guest& guest) {
  const int byte = guest.uart.sent();
  if (byte >= 0) {
    if (!line_bytes) line_begin = clock();
    line[line_bytes++] = static_cast<char>(byte);
    if (byte == '\n' || line_bytes == sizeof line) write_line();
  }
  if (guest.uart.interrupts() == line_level) return;
  line_level = !line_level;
  call(Call::interrupt_line, serial_line, line_level);
}

void read_keys(u64 address) {
  Guest& guest = *at<Guest>(address);
  for (;;) {
    const i64 key = call(Call::read_console);
    if (key < 0) end_thread();  // another program reads the console
    for (bool received = false; !received;) {
      {
        Lock lock(taken);
        received = guest.uart.listens() && guest.uart.receive(static_cast<u8>(key));
        follow(guest);
      }
      if (!received) sleep(1'000'000);
    }
  }
}

void end_lines(u64 address) {
  for (;;) {
    sleep(moment);
    Lock lock(taken);
    if (line_bytes && clock() - line_begin >= moment) write_line();
    follow(*at<Guest>(address));
  }
}

}  // namespace

void start_serial(Guest& guest) {
  start_thread(read_keys, address_of(&guest));
  start_thread(end_lines, address_of(&guest));
}

u8 serial_in(Guest& guest, u16 port) {
  Lock lock(taken);
  const u8 value = guest.uart.in(port & 7);
  follow(guest);
  return value;
}

void serial_out(Guest& guest, u16 port, u8 value) {
  Lock lock(taken);
  guest.uart.out(port & 7, value);
  follow(guest);
}

void flush_serial(Guest&) {
  Lock lock(taken);
  write_line();
}

}  // namespace lodge
