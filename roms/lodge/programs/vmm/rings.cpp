// Owns the guest's disk and the way to the back ends of the rings in roms/kit/ring.h. There are no grants,
// because the guest's memory is this process's own; what the guest writes is read once, then checked, then
// used. The guest hears of answers by a line of the interrupt controller, as of any PC's device.
#include "roms/kit/hypercalls.h"
#include "roms/kit/ring.h"
#include "roms/lodge/programs/vmm/guest.h"

namespace lodge {
namespace {

constexpr u64 disk_pages = 16, sectors_a_page = page_bytes / sector_bytes;

i64 serve(Guest& guest, const DiskRequest& request) {
  const u64 page = request.first_sector / sectors_a_page;
  if (request.first_sector % sectors_a_page || page >= disk_pages) return -1;
  u8* const data = page_at(guest, request.grant);
  if (!data) return -2;
  if (!guest.disk) guest.disk = map(disk_pages * page_bytes);
  u8* const here = guest.disk + page * page_bytes;
  switch (request.operation) {
    case DiskOperation::read: memcpy(data, here, page_bytes); return 0;
    case DiskOperation::write: memcpy(here, data, page_bytes); return 0;
  }
  return -1;
}

void serve_disk(Guest& guest, u8* page) {
  DiskRing& ring = *reinterpret_cast<DiskRing*>(page);
  u32 done = ring.responses_made;
  const u32 made = seen(ring.requests_made);
  if (made - done > ring_slots) return;  // nonsense, which would keep us here for ever
  while (done != made) {
    const DiskRequest request = ring.requests[done % ring_slots];
    ring.responses[done % ring_slots] = {request.number, serve(guest, request)};
    tell(ring.responses_made, ++done);
  }
}

constexpr void (*serve_ring[ring_devices])(Guest& guest, u8* page) = {serve_disk, serve_net};

}  // namespace

u8* page_at(Guest& guest, u64 number) {
  return number < guest.bytes / page_bytes ? guest.memory + number * page_bytes : nullptr;
}

i64 set_ring(Guest& guest, u64 device, u64 address) {
  if (device >= ring_devices || address % page_bytes || !page_at(guest, address / page_bytes))
    return refused_bad_argument;
  guest.rings[device] = page_at(guest, address / page_bytes);
  if (device == ring_net) start_net(guest);
  return 0;
}

// A rise of the line interrupts. Two threads may do this at once: behind each fall comes a rise, so that none
// is lost.
void interrupt_for_ring() {
  call(Call::interrupt_line, ring_line, false);
  call(Call::interrupt_line, ring_line, true);
}

i64 send_ring(Guest& guest, u64 device) {
  if (device >= ring_devices || !guest.rings[device]) return refused_not_there;
  serve_ring[device](guest, guest.rings[device]);
  interrupt_for_ring();
  return 0;
}

}  // namespace lodge
