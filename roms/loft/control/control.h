// Owns what the control domain's parts know of each other.
#pragma once

#include "roms/kit/boot.h"
#include "roms/kit/guest_image.h"
#include "roms/kit/hypercalls.h"

namespace control {

using namespace kit;

constexpr u64 most_guests = 6;

// A guest that this domain has made.
struct Guest {
  u64 number;         // of its domain
  const char* words;  // its module's command line
  bool ended;
  u64 disk_port;                   // the event channel to its disk's front end; 0: there is none
  u64 ring_address;                // where its ring is mapped here
  u64 net_port, net_ring_address;  // the same of its network
};

// toolstack.cpp: makes a domain of the module and starts it, with the initial RAM disk that belongs to it, if
// there is one; false, with a line that says why, if that cannot be.
bool make_guest(Guest& guest, const Module& module, const Module* ramdisk);

// linux.cpp: loads a bzImage. The entry, with what ESI shall hold in `value`; 0: why says what is wrong with
// it.
bool is_linux(const u8* file, u64 bytes);
u64 load_linux(const u8* file, u64 bytes, const char* command_line, u64 memory_bytes, const Module* ramdisk,
               WriteGuest write, void* guest, u64& value, const char*& why);

// control.cpp: looks for a front end that has written these two slots, maps its ring at `address` and binds
// to its port. Our port, or 0 if there is none yet.
u64 connect(const Guest& guest, Slot grant_slot, Slot port_slot, u64 address);

// disk.cpp: the back end. Connects with front ends that have written their slots, and serves all requests
// that wait.
void connect_disk(Guest& guest, u64 index);
void serve_disk(Guest& guest);

// net.cpp: the same for the network, where what one sends may be another one's.
void connect_net(Guest& guest, u64 index);
void serve_net(Guest& guest, const Guest* guests, u64 count);

}  // namespace control
