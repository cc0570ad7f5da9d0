// Owns what the control domain's parts know of each other.
#pragma once

#include "roms/kit/boot.h"
#include "roms/kit/hypercalls.h"

namespace control {

using namespace kit;

constexpr u64 most_guests = 6;

// A guest that this domain has made.
struct Guest {
  u64 number;         // of its domain
  const char* words;  // its module's command line
  bool ended;
  u64 disk_port;     // the event channel to its disk's front end; 0: there is none
  u64 ring_address;  // where its ring is mapped here
};

// toolstack.cpp: makes a domain of the module and starts it; false, with a line that says why, if that cannot
// be.
bool make_guest(Guest& guest, const Module& module);

// disk.cpp: the back end. Connects with front ends that have written their slots, and serves all requests
// that wait.
void connect_disk(Guest& guest, u64 index);
void serve_disk(Guest& guest);

}  // namespace control
