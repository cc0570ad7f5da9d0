// Owns the form of a ring: a page that two guests share, by which one asks for something and the other
// answers. Both count for ever, and a slot is the count modulo the number of slots; so nobody ever writes
// where the other one writes, and no lock is needed.
#pragma once

#include "roms/kit/types.h"

namespace kit {

constexpr u32 ring_slots = 32;

enum class DiskOperation : u32 { read = 0, write = 1 };

constexpr u64 sector_bytes = 512;

// What the front end asks: a page of eight sectors, to or from a page of its own, which it grants.
struct DiskRequest {
  u64 number;  // the front end's own: the answer has it, too
  DiskOperation operation;
  u32 grant;
  u64 first_sector;  // a multiple of 8
};
struct DiskResponse {
  u64 number;
  i64 status;  // 0, or negative
};

struct DiskRing {
  // Each is written by one side only, after the slots that it tells of.
  u32 requests_made;    // by the front end
  u32 responses_made;   // by the back end
  u32 responses_taken;  // by the front end
  u32 reserved;
  DiskRequest requests[ring_slots];
  DiskResponse responses[ring_slots];
};
static_assert(sizeof(DiskRing) <= page_bytes);

// The order in which one side writes is the order in which the other one sees it: slots first, then the count
// that tells of them.
inline u32 seen(const u32& count) { return __atomic_load_n(&count, __ATOMIC_ACQUIRE); }
inline void tell(u32& count, u32 value) { __atomic_store_n(&count, value, __ATOMIC_RELEASE); }

}  // namespace kit
