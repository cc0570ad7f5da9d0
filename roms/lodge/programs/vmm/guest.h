// Owns what the VMM has of its guest: the memory, one virtual CPU, and the devices that are not in the
// kernel.
#pragma once

#include "roms/kit/chips/rtc.h"
#include "roms/kit/chips/uart.h"
#include "roms/kit/hypercalls.h"
#include "roms/lodge/programs/program.h"

namespace lodge {

struct Guest {
  u8* memory;  // guest-physical 0 lies here
  u64 bytes;
  u64 cpu;
  RunPage* page;
  Uart uart;
  Rtc rtc;
  u32 memory_register, port_register;  // of the device that the tiny guest tries (hypercalls.h)
  u8* rings[ring_devices];             // nullptr: the guest has not set it
  u8* disk;                            // nullptr: nobody has asked for a page of it yet
  bool ended;
  const char* how;  // it ended
};

// Puts the guest's program into its memory and its virtual CPU at its begin. Ends the process, in words, if
// it cannot.
void load_guest(Guest& guest, const char* file, const char* initrd, const char* command_line);

// Answers what the run page tells of.
void handle_port(Guest& guest);
void handle_memory(Guest& guest);
void handle_hypercall(Guest& guest);
void end_guest(Guest& guest, const char* how);

// The hypercalls of these names: 0, or a refusal of hypercalls.h.
i64 set_ring(Guest& guest, u64 device, u64 address);
i64 send_ring(Guest& guest, u64 device);

// The serial port at 3F8H: what the guest writes goes to the console in whole lines, or after a moment; what
// is typed goes to the guest.
void start_serial(Guest& guest);
u8 serial_in(Guest& guest, u16 port);
void serial_out(Guest& guest, u16 port, u8 value);
void flush_serial(Guest& guest);

}  // namespace lodge
