// Owns what a domain is: a guest with its memory, its virtual CPUs, and its ends of what it shares with
// others.
#pragma once

#include "roms/kit/chips/pic.h"
#include "roms/kit/chips/pit.h"
#include "roms/kit/chips/uart.h"
#include "roms/kit/ept.h"
#include "roms/kit/fpu.h"
#include "roms/kit/hypercalls.h"
#include "roms/kit/ring.h"
#include "roms/kit/vmx.h"
#include "roms/loft/hyperv.h"
#include "roms/loft/local_apic.h"

namespace loft {

using namespace kit;

struct Domain;

enum class VcpuState : u8 {
  off,      // never started
  ready,    // wants a CPU
  running,  // has one
  blocked,  // waits for an event or an interrupt
};

// A virtual CPU: a VMCS, and the registers that a VMCS does not hold.
struct Vcpu {
  Domain* domain;
  u32 number;
  VcpuState state;
  bool launched;     // VMRESUME, not VMLAUNCH
  bool event_waits;  // the shared page's vector has to be delivered
  u64 vmcs;          // the physical address of its page
  Registers registers;
  u64 cr2;  // which no VMCS field holds either
  // The device of one register (kit::memory_device).
  u32 device;

  // The scheduler's.
  bool yields;      // it wants others of its rank to run before it goes on
  i64 credit;       // nanoseconds that it may still run before others have their turn
  bool boosted;     // it was woken by an event: it goes first, once
  u64 last_turn;    // the number of the turn in which it ran last
  u64 ready_since;  // when it began to want a CPU
  u64 time_run, time_lost;
  u32 processor;  // where it ran last
  u64 flushed;    // the domain's `unmappings` that its TLB entries on that CPU have seen

  u64 wake_time;  // call_set_timer; 0: none
  u64 msrs[5];    // those of switch.cpp
  GuestFpu fpu;
};

constexpr u32 most_vcpus = 4, most_ports = 64, most_slots = 16, disk_pages = 16;

// A domain's end of an event channel.
struct Port {
  enum State : u8 { unused, waiting, connected } state;
  u8 domain;  // at the other end, or who may bind to it
  u8 port;    // at the other end
};

struct Domain {
  u32 number;
  bool exists, control;
  DomainState state;
  u64 end_reason;    // of call_shutdown
  u64 memory_bytes;  // RAM from 0 on
  Ept ept;
  u64 unmappings;  // counts what was taken out of EPT; each CPU that has not seen the last one must
                   // invalidate
  Vcpu vcpus[most_vcpus];
  u64 weight;  // its part of the CPUs

  SharedPage* shared;  // in its memory; nullptr until call_set_shared_page
  u8 event_vector;
  GrantEntry* grant_table;  // the same, call_set_grant_table
  Port ports[most_ports];   // port 0 is the timer's, port 1 tells the control domain that a slot was written
  u64 slots[most_slots];    // call_store_write

  // Of the variant "inside".
  DiskRing* disk_ring;  // in its memory; nullptr: it has no disk
  u32 disk_port;
  u64 disk[disk_pages];  // pages of the hypervisor's; 0: never written

  HyperV hyperv;   // what it was shown, and has set up
  LocalApic apic;  // of a domain that sees Hyper-V, whose guests want one

  // A PC's chips, for guests that want some.
  Pic pic;
  Pit pit;
  Uart uart;
  bool has_serial;    // what it sends goes to the machine's serial port, what arrives there is its
  u8 clock_register;  // of the machine's clock, which it reads next

  char line[200];  // of its console, up to the line's end
  u64 line_bytes;
  u64 exits[80];  // by reason
};

constexpr u32 most_domains = 8;
Domain& domain(u64 number);
// The domain of that number, if there is one; this_guest means the asker.
Domain* find_domain(u64 number, Domain& asker);

// A domain without memory and code; nullptr: there are too many.
Domain* create_domain(u64 memory_bytes, bool control);
// Gives its memory back. Its virtual CPUs do not run any more.
void destroy_domain(Domain& domain);
// It has ended, well or not: its virtual CPUs stop, and the control domain is told.
void end_domain(Domain& domain, u64 reason);

// Copies to or from the memory of a domain; false: not all of it is there.
bool write_memory(Domain& domain, u64 guest, const void* from, u64 bytes);
bool read_memory(Domain& domain, u64 guest, void* to, u64 bytes);

// The domain's console: whole lines appear, with the domain's number before them.
void console_write(Domain& domain, const char* text, u64 bytes);

}  // namespace loft
