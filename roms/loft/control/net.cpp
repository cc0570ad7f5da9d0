// Owns the back end of the network: a bridge. What a guest sends goes to the guest that it is for, and back
// to the sender if there is none. Front ends may do anything: what they write is read once, then checked,
// then used.
#include "roms/kit/ring.h"
#include "roms/loft/control/control.h"

namespace control {
namespace {

// Guest-physical addresses of nothing of ours: a ring for each guest, and behind them the pages of the packet
// that is on its way.
constexpr u64 window = 0x81000000, sent_page = window + most_guests * page_bytes,
              received_page = sent_page + page_bytes;

NetRing& ring_of(const Guest& guest) { return *at<NetRing>(guest.net_ring_address); }

// A page is the receiver's as long as it is mapped here, and its own packets wait.
bool copy(const Guest& from, u64 sent, const Guest& to, u64 received, u64 bytes) {
  if (hypercall(call_grant_map, from.number, sent, sent_page, false) < 0) return false;
  const bool good = hypercall(call_grant_map, to.number, received, received_page, true) == 0;
  if (good) {
    memcpy(at<void>(received_page), at<void>(sent_page), bytes);
    hypercall(call_grant_unmap, received_page);
  }
  hypercall(call_grant_unmap, sent_page);
  return good;
}

PacketFate deliver(const Guest& from, const PacketToSend& packet, const Guest& to) {
  NetRing& ring = ring_of(to);
  const u32 made = ring.packets_made, pages = seen(ring.grants_made) - made;
  if (pages == 0 || pages > ring_slots) return PacketFate::lost;
  if (!copy(from, packet.grant, to, ring.grants[made % ring_slots], packet.bytes)) return PacketFate::refused;
  ring.packets[made % ring_slots] = {static_cast<u32>(from.number), packet.bytes};
  tell(ring.packets_made, made + 1);
  if (&from == &to) return PacketFate::came_back;
  hypercall(call_event_send, to.net_port);
  return PacketFate::delivered;
}

const Guest& receiver(u64 number, const Guest& otherwise, const Guest* guests, u64 count) {
  for (const Guest* guest = guests; guest < guests + count; ++guest)
    if (guest->number == number && guest->net_port && !guest->ended) return *guest;
  return otherwise;
}

}  // namespace

void connect_net(Guest& guest, u64 index) {
  if (guest.net_port || guest.ended) return;
  const u64 address = window + index * page_bytes;
  guest.net_port = connect(guest, slot_net_grant, slot_net_port, address);
  guest.net_ring_address = address;
}

void serve_net(Guest& guest, const Guest* guests, u64 count) {
  NetRing& ring = ring_of(guest);
  u32 done = ring.fates_made;
  const u32 made = seen(ring.sends_made);
  // More than the ring holds is nonsense, and would keep us here for ever.
  if (made - done > ring_slots) return;
  while (done != made) {
    const PacketToSend packet = ring.sends[done % ring_slots];
    ring.fates[done % ring_slots] = packet.bytes > page_bytes
                                        ? PacketFate::refused
                                        : deliver(guest, packet, receiver(packet.to, guest, guests, count));
    tell(ring.fates_made, ++done);
  }
  hypercall(call_event_send, guest.net_port);
}

}  // namespace control
