// Owns the front end of a disk: requests over a ring, with a page from which or to which the back end copies.
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/ring.h"
#include "roms/tiny/tiny.h"
#include "roms/tiny/transport.h"

namespace tiny {
namespace {

constexpr u64 sectors_a_page = page_bytes / sector_bytes, disk_pages = 16;

DiskRing* ring;
u64* data;
u32 data_grant;

bool connect_disk() {
  if (ring) return true;
  ring = at<DiskRing>(allocate_page());
  data = at<u64>(allocate_page());
  data_grant = share(data);
  return connect(ring_disk, ring);
}

bool transfer(DiskOperation operation, u64 page) {
  const u32 number = ring->requests_made;
  ring->requests[number % ring_slots] = {number, operation, data_grant, page * sectors_a_page};
  tell(ring->requests_made, number + 1);
  notify(ring_disk);
  while (seen(ring->responses_made) == ring->responses_taken) wait_for_interrupt();
  const DiskResponse response = ring->responses[ring->responses_taken % ring_slots];
  tell(ring->responses_taken, ring->responses_taken + 1);
  return response.number == number && response.status == 0;
}

}  // namespace

bool disk_pages_written(u64 count) {
  if (!connect_disk()) return false;
  bool good = true;
  for (u64 n = 0; n < count; ++n) {
    data[0] = data[511] = n + 1;
    good &= transfer(DiskOperation::write, n % disk_pages);
    data[0] = data[511] = 0;
    good &= transfer(DiskOperation::read, n % disk_pages) && data[0] == n + 1 && data[511] == n + 1;
  }
  // Beyond the end there is nothing, and the back end has to say so.
  return good && !transfer(DiskOperation::read, disk_pages);
}

}  // namespace tiny
