// Owns the agreement between the teaching hypervisors and their guests: how a guest finds out that it is one,
// and what it may ask for.
//
// A guest knows by CPUID.1:ECX[31], and by leaf 40000000H, who is below it. It asks by VMCALL: RAX is the
// call's number, RDI, RSI, RDX, RCX are its arguments, and RAX is the answer, negative if it was refused.
// Addresses are guest-physical.
#pragma once

#include "roms/kit/instructions.h"

namespace kit {

// Leaf 40000000H: EAX is the highest leaf, EBX, ECX, EDX these twelve letters. Leaf 40000001H: EAX has a bit
// for each Offer. Twelve letters of the hypervisor's own name are in leaf 40000002H in the same way.
constexpr u32 hypervisor_leaf = 0x40000000;
constexpr char hypervisor_signature[13] = "TeachingRing";

enum Offer : u32 {
  offers_console = 1 << 0,         // console_write
  offers_shutdown = 1 << 1,        // shutdown
  offers_event_channels = 1 << 2,  // set_shared_page, block, event_*
  offers_grants = 1 << 3,          // grant_*
  offers_memory_device = 1 << 4,   // the memory-mapped device at memory_device
  offers_rings = 1 << 5,           // ring_*
};

enum Hypercall : u64 {
  // For all.
  call_nothing = 0,        // does nothing: what a call costs
  call_console_write = 1,  // address, bytes (at most 4096)
  call_shutdown = 2,       // reason: ends this guest
  call_yield = 3,          // let others run

  // Event channels. A port is a guest's end of a channel.
  call_set_shared_page = 8,  // address, vector: where the SharedPage lies, and how events interrupt this CPU
  call_block = 9,            // sleep until an event is pending
  call_event_allocate = 10,  // guest: a port that this guest may bind to
  call_event_bind = 11,      // guest, port there: a port of one's own that is connected with it
  call_event_send = 12,      // port: sets it pending at the other end
  call_set_timer = 13,       // nanoseconds from now: port 0 becomes pending then

  // Grants. The table is a page of GrantEntry.
  call_set_grant_table = 16,  // address
  call_grant_map = 17,        // guest, number in its table, address here, writable: the page is seen there
  call_grant_unmap = 18,      // address

  // A few numbers of each guest, which all others can read: so they find each other. The control domain's
  // port 1 tells of each write.
  call_store_write = 24,  // slot, number
  call_store_read = 25,   // guest, slot: the number

  // Rings without grants: the back end has the guest's memory. It tells of answers by a rise of ring_line.
  call_ring_set = 26,   // RingDevice, address: where the ring lies
  call_ring_send = 27,  // RingDevice: there is something on the ring

  // The control domain's own.
  call_domain_create = 32,   // bytes of memory, bits (domain_has_serial ...): the domain's number
  call_domain_write = 33,    // domain, its address, address here, bytes: copies into its memory
  call_domain_start = 34,    // domain, entry, value of EBX and ESI: 32-bit, as PVH and Linux want it
  call_domain_destroy = 35,  // domain, which has ended
  call_domain_state = 36,    // domain: a DomainState, and behind its byte the reason of its end
  call_domain_weight = 37,   // domain, weight: its part of the CPUs, 256 is usual
  call_domain_time = 38,     // domain: nanoseconds that it ran

  // For all, again.
  call_processor_start =
      40,  // number, entry, value of RDI: another virtual CPU of this guest, 64-bit, as the caller's is
};

enum DomainState : u64 { domain_building = 0, domain_running = 1, domain_ended = 2 };

// A guest's number for itself, where a hypercall wants a guest.
constexpr u64 this_guest = 0xffff;

constexpr u64 domain_has_serial = 1;   // COM1 is this domain's
constexpr u64 domain_sees_hyperv = 2;  // its hypervisor is a Hyper-V, by all that it can see

// Slots of the store, by agreement: where a front end keeps its ring.
enum Slot : u64 { slot_disk_grant = 0, slot_disk_port = 1, slot_net_grant = 2, slot_net_port = 3 };

// The devices that rings are for, and the line of the two 8259 by which call_ring_set's back end answers.
enum RingDevice : u64 { ring_disk = 0, ring_net = 1, ring_devices = 2 };
constexpr u8 ring_line = 5;

constexpr i64 refused_not_there = -1, refused_not_allowed = -2, refused_bad_argument = -3,
              refused_no_room = -4;

// A guest and its hypervisor share this page. The hypervisor sets bits, the guest clears them (both with
// LOCK).
struct SharedPage {
  u64 pending;    // a bit for each port: an event came
  u64 masked;     // a bit for each port: it may become pending, but does not interrupt
  u64 upcalls;    // how often the vector was delivered
  u64 time_lost;  // nanoseconds in which this CPU wanted to run and did not
};

// A page that another guest may use.
struct GrantEntry {
  u16 flags;  // grant_valid, grant_writable; the hypervisor sets grant_in_use
  u16 guest;  // who may
  u32 page;   // the guest-physical page number
};
constexpr u16 grant_valid = 1, grant_writable = 2, grant_in_use = 4;

// A device of one register of 32 bits: it gives back what was written, plus one. In memory at this address,
// and by ports at `port_device`.
constexpr u64 memory_device = 0xd0000000;
constexpr u16 port_device = 0x5e0;

inline i64 hypercall(u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0) {
  i64 answer;
  asm volatile("vmcall" : "=a"(answer) : "a"(number), "D"(a), "S"(b), "d"(c), "c"(d) : "memory");
  return answer;
}

}  // namespace kit
