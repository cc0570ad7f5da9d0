// Owns the form of the rings: a page by which a front end in a guest asks for something and a back end, in
// another guest or in the program that runs this one, answers. Both count for ever, and a slot is the count
// modulo the number of slots; so nobody ever writes where the other one writes, and no lock is needed.
//
// A request names a page of the front end by the number of its grant. Where the back end has all of the
// guest's memory, the guest-physical page number stands for it.
#pragma once

#include "roms/kit/types.h"

namespace kit {

constexpr u32 ring_slots = 32;

enum class DiskOperation : u32 { read = 0, write = 1 };

constexpr u64 sector_bytes = 512;

// What the front end asks: a page of eight sectors, to or from a page of its own.
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

// What became of a packet.
enum class PacketFate : u32 {
  delivered = 0,
  came_back = 1,  // nobody with this number is there: the sender has it among what it received
  lost = 2,       // the receiver has no empty page
  refused = 3,    // it is longer than a page, or the page is not there
};

// A packet that the front end sends, to a guest's number: so many bytes from the begin of a page of its own.
struct PacketToSend {
  u32 to, grant, bytes, reserved;
};
// One that it received, in the page that it had granted in the same slot. Packets longer than a page are
// none.
struct ReceivedPacket {
  u32 from, bytes;
};

// Two rings in one page: packets go and their fates come; empty pages go and packets come.
struct NetRing {
  u32 sends_made;     // by the front end
  u32 fates_made;     // by the back end
  u32 fates_taken;    // by the front end
  u32 grants_made;    // by the front end
  u32 packets_made;   // by the back end
  u32 packets_taken;  // by the front end
  u32 reserved[2];
  PacketToSend sends[ring_slots];
  PacketFate fates[ring_slots];
  u32 grants[ring_slots];
  ReceivedPacket packets[ring_slots];
};
static_assert(sizeof(NetRing) <= page_bytes);

// The order in which one side writes is the order in which the other one sees it: slots first, then the count
// that tells of them.
inline u32 seen(const u32& count) { return __atomic_load_n(&count, __ATOMIC_ACQUIRE); }
inline void tell(u32& count, u32 value) { __atomic_store_n(&count, value, __ATOMIC_RELEASE); }

}  // namespace kit
