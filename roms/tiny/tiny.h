// Owns the list of what the tiny guest can do: workloads, one after the other. Each checks what it did.
#pragma once

#include "roms/kit/boot.h"
#include "roms/kit/types.h"

namespace tiny {

using namespace kit;

// Who is below: what the hypervisor offers (Offer in hypercalls.h), and its name; no bit and "" on a bare
// machine.
struct Below {
  u32 offers = 0;
  char name[13] = {};
};
extern Below below;
// Bits of Workload::needs that are no Offers: the CPU has a local APIC; there is a way to a back end
// (transport.h); who is below looks like Hyper-V.
constexpr u32 has_local_apic = 1u << 31, has_back_end = 1u << 30, has_hyperv = 1u << 29,
              has_serial_port = 1u << 28;  // and somebody asked for it

// A workload does its work `count` times and tells whether all was as it must be.
struct Workload {
  const char* name;
  const char* what;
  u64 count;
  u32 needs;  // bits of Offer; without them it is left out
  bool (*run)(u64 count);
};

bool system_calls(u64 count);
bool page_faults(u64 count);
bool identifications(u64 count);
bool absent_ports(u64 count);
bool serial_states(u64 count);
bool register_switches(u64 count);
bool timer_ticks(u64 count);
bool alarms(u64 count);
bool port_accesses(u64 count);
bool memory_accesses(u64 count);
bool hypercalls(u64 count);
bool own_events(u64 count);
bool disk_pages_written(u64 count);
bool packets_sent(u64 count);
bool hyperv_calls(u64 count);
// To which guest packets go, "to=N" on the command line: to oneself, as long as nobody says who.
extern u64 neighbour;

// Lets events interrupt this guest; false: the hypervisor refuses.
bool start_events();
// Lets a line of the first 8259 interrupt this guest, as a way out of its sleep; all others are masked.
void listen_to_line(u8 line);

}  // namespace tiny
