// Owns the back end of disks: each guest that asks has one of 64 KBytes, in this domain's memory. The front
// end is in another domain and may do anything: what it writes is read once, then checked, then used.
#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/ring.h"
#include "roms/loft/control/control.h"

namespace control {
namespace {

constexpr u64 disk_pages = 16;
// Guest-physical addresses of nothing of ours: pages of others are seen there. A guest's ring, and the page
// of the request that is served.
constexpr u64 window = 0x80000000;

u64 disks[most_guests][disk_pages];

u64 index_of(const Guest& guest) { return (guest.ring_address - window) / (2 * page_bytes); }

i64 serve(const Guest& guest, const DiskRequest& request) {
  const u64 page = request.first_sector / (page_bytes / sector_bytes), data = guest.ring_address + page_bytes;
  if (request.first_sector % (page_bytes / sector_bytes) || page >= disk_pages) return -1;
  const bool to_disk = request.operation == DiskOperation::write;
  if (!to_disk && request.operation != DiskOperation::read) return -1;
  if (hypercall(call_grant_map, guest.number, request.grant, data, !to_disk) < 0) return -2;
  u64& here = disks[index_of(guest)][page];
  if (!here) here = allocate_page();
  if (to_disk)
    memcpy(at<void>(here), at<void>(data), page_bytes);
  else
    memcpy(at<void>(data), at<void>(here), page_bytes);
  hypercall(call_grant_unmap, data);
  return 0;
}

}  // namespace

void connect_disk(Guest& guest, u64 index) {
  if (guest.disk_port || guest.ended) return;
  const u64 address = window + index * 2 * page_bytes;
  guest.disk_port = connect(guest, slot_disk_grant, slot_disk_port, address);
  guest.ring_address = address;
  if (!guest.disk_port) return;
  print("domain ", guest.number, " has a disk\n");
  serve_disk(guest);
}

void serve_disk(Guest& guest) {
  DiskRing& ring = *at<DiskRing>(guest.ring_address);
  u32 done = ring.responses_made;
  const u32 made = seen(ring.requests_made);
  // More than the ring holds is nonsense, and would keep us here for ever.
  if (made - done > ring_slots) return;
  while (done != made) {
    const DiskRequest request = ring.requests[done % ring_slots];
    ring.responses[done % ring_slots] = {request.number, serve(guest, request)};
    tell(ring.responses_made, ++done);
  }
  hypercall(call_event_send, guest.disk_port);
}

}  // namespace control
