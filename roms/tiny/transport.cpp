// Owns the two ways from a front end to its back end.
#include "roms/tiny/transport.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/tiny/tiny.h"

namespace tiny {
namespace {

constexpr u64 back_end = 0;  // the control domain
// Where the store has the grant of the ring and the port, for each device.
constexpr Slot grant_slots[ring_devices] = {slot_disk_grant, slot_net_grant},
               port_slots[ring_devices] = {slot_disk_port, slot_net_port};

GrantEntry* grants;
u32 granted;  // so many entries are in use, from number 1 on: 0 is no grant
u64 ports[ring_devices];

bool by_grants() { return below.offers & offers_grants; }

// An entry is valid as soon as its flags are, so they are written last.
u32 grant(u32 page) {
  if (!grants) {
    grants = at<GrantEntry>(allocate_page());
    if (hypercall(call_set_grant_table, address_of(grants)) < 0)
      stop("the hypervisor refuses the grant table");
  }
  const u32 number = ++granted;
  grants[number].guest = back_end;
  grants[number].page = page;
  __atomic_store_n(&grants[number].flags, grant_valid | grant_writable, __ATOMIC_RELEASE);
  return number;
}

bool connect_by_grant(RingDevice device, const void* ring) {
  const u32 number = share(ring);
  const i64 port = hypercall(call_event_allocate, back_end);
  if (!start_events() || port < 0) return false;
  ports[device] = static_cast<u64>(port);
  // The back end hears of the last one, and finds both.
  hypercall(call_store_write, grant_slots[device], number);
  hypercall(call_store_write, port_slots[device], ports[device]);
  return true;
}

}  // namespace

u32 share(const void* page) {
  const u32 number = static_cast<u32>(address_of(page) / page_bytes);
  return by_grants() ? grant(number) : number;
}

bool connect(RingDevice device, const void* ring) {
  if (by_grants()) return connect_by_grant(device, ring);
  listen_to_line(ring_line);
  return hypercall(call_ring_set, device, address_of(ring)) == 0;
}

void notify(RingDevice device) {
  if (by_grants())
    hypercall(call_event_send, ports[device]);
  else
    hypercall(call_ring_send, device);
}

}  // namespace tiny
