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
  u64 number;                          // by which other guests find it on the network; 0: it has none
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
// There is something new on a ring of the guest's.
void interrupt_for_ring();

// The network: packets from the guest's ring go to the kernel's switch, and back to the guest if there is no
// receiver.
void serve_net(Guest& guest, u8* page);
// The guest's ring is there from now on: it can be found by its number.
void start_net(Guest& guest);
// The page of that number in the guest's memory; nullptr: it has none.
u8* page_at(Guest& guest, u64 number);

// Threads of one process share its memory: what the guest's thread and the others both change is changed with
// such a lock held.
class Lock {
 public:
  explicit Lock(bool& taken) : taken_(taken) {
    while (__atomic_exchange_n(&taken_, true, __ATOMIC_ACQUIRE)) yield();
  }
  ~Lock() { __atomic_store_n(&taken_, false, __ATOMIC_RELEASE); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  bool& taken_;
};

// The serial port at 3F8H: what the guest writes goes to the console in whole lines, or after a moment; what
// is typed goes to the guest.
void start_serial(Guest& guest);
u8 serial_in(Guest& guest, u16 port);
void serial_out(Guest& guest, u16 port, u8 value);
void flush_serial(Guest& guest);

}  // namespace lodge
