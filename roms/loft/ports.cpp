// Owns the guest's ports: which chip is behind each. A port with nothing behind it reads as ones, as on a PC.
#include "roms/kit/clock.h"
#include "roms/loft/exits.h"
#include "roms/loft/serial.h"

namespace loft {
namespace {

constexpr u16 pm1a_control = 0x604;  // power off, as on the machine itself
constexpr u64 sleep_enable = 1 << 13;
constexpr u16 clock_index = 0x70, clock_data = 0x71;

// The machine's clock: a domain may read it, and what it writes is lost. It holds the date at the registers 0
// to 9 and at 32H.
u8 read_clock(const Domain& d) {
  out8(clock_index, d.clock_register);
  return in8(clock_data);
}

u64 pit_time() { return now() / 1000 * pit_counts_a_second / 1'000'000; }

// The chips have registers of a byte.
bool read_byte(Vcpu& v, u16 port, u8& value) {
  Domain& d = *v.domain;
  if (Pic::has_port(port))
    value = d.pic.in(port);
  else if (Pit::has_port(port))
    value = d.pit.in(port, pit_time());
  else if (d.has_serial && has_serial_port(port))
    value = read_serial(d, port);
  else if (port == clock_data)
    value = read_clock(d);
  else
    return false;
  return true;
}

bool write_byte(Vcpu& v, u16 port, u8 value) {
  Domain& d = *v.domain;
  if (Pic::has_port(port))
    d.pic.out(port, value);
  else if (Pit::has_port(port))
    d.pit.out(port, value, pit_time());
  else if (d.has_serial && has_serial_port(port))
    write_serial(d, port, value);
  else if (port == clock_index)
    d.clock_register = value & 0x7f;
  else
    return false;
  return true;
}

u32 read_port(Vcpu& v, u16 port, u32 bytes) {
  if (port == port_device) return v.device + 1;
  u32 result = 0;
  for (u32 n = 0; n < bytes; ++n) {
    u8 value = 0xff;
    read_byte(v, static_cast<u16>(port + n), value);
    result |= static_cast<u32>(value) << 8 * n;
  }
  return result;
}

void write_port(Vcpu& v, u16 port, u32 bytes, u32 value) {
  if (port == port_device) {
    v.device = value;
  } else if (port == pm1a_control && value & sleep_enable) {
    end_domain(*v.domain, 0);
  } else {
    for (u32 n = 0; n < bytes; ++n)
      write_byte(v, static_cast<u16>(port + n), static_cast<u8>(value >> 8 * n));
  }
}

}  // namespace

// The manual's "Exit Qualification for I/O Instructions": bits 2:0 the bytes minus 1, bit 3 IN, bit 4 a
// string instruction, 31:16 the port.
void handle_port(Vcpu& v) {
  const u64 q = vmread(EXIT_QUALIFICATION);
  if (q & bit(4)) return give_up(v, "a string instruction for a port, which is not emulated");
  const u16 port = static_cast<u16>(q >> 16);
  const u32 bytes = (q & 7) + 1;
  const u64 mask = (1ul << 8 * bytes) - 1;
  if (q & bit(3)) {
    const u64 value = read_port(v, port, bytes) & mask;
    // IN of 32 bits clears the upper half of RAX, as all 32-bit results do.
    v.registers.rax = bytes == 4 ? value : (v.registers.rax & ~mask) | value;
  } else {
    write_port(v, port, bytes, static_cast<u32>(v.registers.rax & mask));
  }
  // After a write that powered the domain off nothing follows, and it does no harm.
  skip_instruction();
}

}  // namespace loft
