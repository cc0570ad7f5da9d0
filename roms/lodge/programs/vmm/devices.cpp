// Owns the devices that are the VMM's: a table of ports, the device in memory, and hypercalls.
#include "roms/lodge/programs/vmm/guest.h"

namespace lodge {
namespace {

constexpr u64 start_of_time = 1'700'000'000;  // seconds since 1970: the clock on the wall begins there
u64 wall_clock() { return start_of_time + clock() / 1'000'000'000; }

struct PortDevice {
  u16 first, last;
  u32 (*in)(Guest& guest, u16 port);
  void (*out)(Guest& guest, u16 port, u32 value);
};

u32 nothing_in(Guest&, u16) { return ~0u; }
void nothing_out(Guest&, u16, u32) {}

// ACPI's PM1a control register: bit 13 is SLP_EN, and S5 is the only sleep there is.
void power_out(Guest& guest, u16, u32 value) {
  if (value & 1 << 13) end_guest(guest, "power off");
}
void debug_exit_out(Guest& guest, u16, u32 value) {
  end_guest(guest, value ? "it says that something failed" : "power off");
}

// The keyboard controller is not there, but systems reset a PC by its command FEH.
void keyboard_out(Guest& guest, u16, u32 value) {
  if (value == 0xfe) end_guest(guest, "reset");
}
void reset_out(Guest& guest, u16, u32 value) {
  if (value & 4) end_guest(guest, "reset");
}

constexpr PortDevice ports[] = {
    {0x3f8, 0x3ff, [](Guest& g, u16 port) -> u32 { return serial_in(g, port); },
     [](Guest& g, u16 port, u32 value) { serial_out(g, port, static_cast<u8>(value)); }},
    {0x70, 0x71, [](Guest& g, u16 port) -> u32 { return g.rtc.in(port, wall_clock()); },
     [](Guest& g, u16 port, u32 value) { g.rtc.out(port, static_cast<u8>(value)); }},
    {port_device, port_device, [](Guest& g, u16) -> u32 { return g.port_register + 1; },
     [](Guest& g, u16, u32 value) { g.port_register = value; }},
    {0x604, 0x605, nothing_in, power_out},
    {0xf4, 0xf4, nothing_in, debug_exit_out},
    {0x64, 0x64, nothing_in, keyboard_out},
    {0xcf9, 0xcf9, nothing_in, reset_out},
};

// A bus without a device: reads are all ones.
constexpr PortDevice nobody = {0, 0xffff, nothing_in, nothing_out};

const PortDevice& device_at(u16 port) {
  for (const PortDevice& device : ports)
    if (port >= device.first && port <= device.last) return device;
  return nobody;
}

i64 console_write(Guest& guest, u64 address, u64 bytes) {
  constexpr u64 most = 4096;
  if (bytes > most || address > guest.bytes || bytes > guest.bytes - address) return refused_bad_argument;
  // The guest's memory is this process's own: there is nothing to copy.
  return call(Call::write, address_of(guest.memory + address), bytes) < 0 ? refused_bad_argument : 0;
}

i64 answer_of(Guest& guest, const RunPage& page) {
  switch (page.call) {
    case call_nothing: return 0;
    case call_console_write: return console_write(guest, page.arguments[0], page.arguments[1]);
    case call_shutdown:
      end_guest(guest, page.arguments[0] ? "it says that something failed" : "shutdown");
      return 0;
    case call_yield: yield(); return 0;
    case call_ring_set: return set_ring(guest, page.arguments[0], page.arguments[1]);
    case call_ring_send: return send_ring(guest, page.arguments[0]);
    default: return refused_not_there;
  }
}

}  // namespace

void end_guest(Guest& guest, const char* how) {
  guest.ended = true;
  guest.how = how;
}

void handle_port(Guest& guest) {
  RunPage& page = *guest.page;
  const PortDevice& device = device_at(page.port);
  if (page.write)
    device.out(guest, page.port, static_cast<u32>(page.data));
  else
    page.data = device.in(guest, page.port);
}

void handle_memory(Guest& guest) {
  RunPage& page = *guest.page;
  const bool here = page.address == memory_device && page.bytes == 4;
  if (page.write && here) guest.memory_register = static_cast<u32>(page.data);
  if (!page.write) page.data = here ? guest.memory_register + 1 : ~0ul;
}

void handle_hypercall(Guest& guest) { guest.page->answer = static_cast<u64>(answer_of(guest, *guest.page)); }

}  // namespace lodge
