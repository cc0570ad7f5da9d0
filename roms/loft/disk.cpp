// Owns the serving of a disk's ring from inside the hypervisor.
#include "roms/loft/disk.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/loft/events.h"
#include "roms/loft/grants.h"

namespace loft {
namespace {

constexpr u64 back_end = 0;  // the grants are for the control domain, as the front end believes
constexpr u64 sectors_a_page = page_bytes / sector_bytes;

i64 serve(Domain& d, const DiskRequest& request) {
  const u64 page = request.first_sector / sectors_a_page;
  if (request.first_sector % sectors_a_page || page >= disk_pages) return -1;
  const bool to_disk = request.operation == DiskOperation::write;
  if (!to_disk && request.operation != DiskOperation::read) return -1;
  const u64 data = granted_page(d, request.grant, back_end, !to_disk);
  if (!data) return -2;
  u64& here = d.disk[page];
  if (!here) here = allocate_page();
  memcpy(at<void>(to_disk ? here : data), at<void>(to_disk ? data : here), page_bytes);
  return 0;
}

}  // namespace

void connect_disk(Domain& d) {
  const u64 port = d.slots[slot_disk_port];
  if (d.disk_ring || port < 2 || port >= most_ports || d.ports[port].state != Port::waiting) return;
  const u64 ring = granted_page(d, d.slots[slot_disk_grant], back_end, true);
  if (!ring) return;
  d.disk_ring = at<DiskRing>(ring);
  d.disk_port = static_cast<u32>(port);
  // The offer is taken: the control domain, which looks at the store now and then, shall not find it.
  d.slots[slot_disk_grant] = d.slots[slot_disk_port] = 0;
  print("loft: domain ", d.number, " has a disk\n");
  serve_disk(d);
}

bool is_disk_port(const Domain& d, u64 port) { return d.disk_ring && port == d.disk_port; }

// The guest may write to the ring at any time, from another CPU: each request is read once, then checked,
// then used.
void serve_disk(Domain& d) {
  DiskRing& ring = *d.disk_ring;
  u32 done = ring.responses_made;
  const u32 made = seen(ring.requests_made);
  if (made - done > ring_slots) return;  // nonsense, which would keep us here for ever
  while (done != made) {
    DiskRequest request;
    memcpy(&request, &ring.requests[done % ring_slots], sizeof request);
    ring.responses[done % ring_slots] = {request.number, serve(d, request)};
    tell(ring.responses_made, ++done);
  }
  set_pending(d, d.disk_port);
}

void remove_disk(Domain& d) {
  for (u64& page : d.disk)
    if (page) free_page(page);
}

}  // namespace loft
