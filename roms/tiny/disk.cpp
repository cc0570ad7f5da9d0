// Owns the front end of a disk: requests to another guest, over a shared ring, with pages that are granted to
// it.
#include "roms/kit/hypercalls.h"
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/ring.h"
#include "roms/tiny/tiny.h"

namespace tiny {
namespace {

constexpr u64 back_end = 0;  // the control domain
constexpr u32 ring_grant = 1, data_grant = 2;
constexpr u64 sectors_a_page = page_bytes / sector_bytes, disk_pages = 16;

GrantEntry* grants;
DiskRing* ring;
u64* data;
u64 port;

// An entry is valid as soon as its flags are, so they are written last.
void grant(u32 number, const void* page) {
  grants[number].guest = back_end;
  grants[number].page = static_cast<u32>(address_of(page) / page_bytes);
  __atomic_store_n(&grants[number].flags, grant_valid | grant_writable, __ATOMIC_RELEASE);
}

bool connect() {
  if (ring) return true;
  grants = at<GrantEntry>(allocate_page());
  ring = at<DiskRing>(allocate_page());
  data = at<u64>(allocate_page());
  const i64 channel = hypercall(call_event_allocate, back_end);
  if (channel < 0 || hypercall(call_set_grant_table, address_of(grants)) < 0) return false;
  port = static_cast<u64>(channel);
  grant(ring_grant, ring);
  grant(data_grant, data);
  // The back end hears of the last one, and finds both.
  hypercall(call_store_write, slot_disk_grant, ring_grant);
  hypercall(call_store_write, slot_disk_port, port);
  return true;
}

bool transfer(DiskOperation operation, u64 page) {
  const u32 number = ring->requests_made;
  ring->requests[number % ring_slots] = {number, operation, data_grant, page * sectors_a_page};
  tell(ring->requests_made, number + 1);
  // Refused as long as the back end has not connected; it looks at the ring when it does.
  hypercall(call_event_send, port);
  while (seen(ring->responses_made) == ring->responses_taken) wait_for_interrupt();
  const DiskResponse response = ring->responses[ring->responses_taken % ring_slots];
  tell(ring->responses_taken, ring->responses_taken + 1);
  return response.number == number && response.status == 0;
}

}  // namespace

bool disk_pages_written(u64 count) {
  if (!start_events() || !connect()) return false;
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
