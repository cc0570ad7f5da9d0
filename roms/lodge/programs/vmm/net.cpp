// Owns the guest's network: the back end of its ring, between the guest's memory and the kernel's switch.
// What the guest writes is read once, then checked, then used.
#include "roms/kit/ring.h"
#include "roms/lodge/programs/vmm/guest.h"

namespace lodge {
namespace {

bool receiving;  // of the lock: what was received is put onto the ring by two threads

// Onto the ring, in the next page that the guest offers. lost: it offers none.
PacketFate put(Guest& guest, u64 from, const u8* packet, u32 bytes) {
  Lock lock(receiving);
  NetRing& ring = *reinterpret_cast<NetRing*>(guest.rings[ring_net]);
  const u32 made = ring.packets_made, pages = seen(ring.grants_made) - made;
  if (pages == 0 || pages > ring_slots) return PacketFate::lost;
  u8* const received = page_at(guest, ring.grants[made % ring_slots]);
  if (!received) return PacketFate::refused;
  if (received != packet) memcpy(received, packet, bytes);
  ring.packets[made % ring_slots] = {static_cast<u32>(from), bytes};
  tell(ring.packets_made, made + 1);
  return PacketFate::delivered;
}

// A packet for nobody comes back, as does each of a guest that has no number.
PacketFate send(Guest& guest, const PacketToSend& packet) {
  const u8* const sent = page_at(guest, packet.grant);
  if (!sent || packet.bytes > page_bytes) return PacketFate::refused;
  const i64 refused = guest.number && packet.to != guest.number
                          ? call(Call::send_packet, packet.to, address_of(sent), packet.bytes)
                          : nobody;
  if (refused == 0) return PacketFate::delivered;
  if (refused != nobody) return PacketFate::lost;
  const PacketFate fate = put(guest, guest.number ? guest.number : packet.to, sent, packet.bytes);
  return fate == PacketFate::delivered ? PacketFate::came_back : fate;
}

// What others send comes at any time, so that a thread of its own waits for it. A packet that the guest has
// no page for is lost, as on any network; its sender knows only that it went.
void receive(u64 address) {
  Guest& guest = *at<Guest>(address);
  u8* const page = map(page_bytes);
  for (;;) {
    const i64 received = call(Call::receive_packet, address_of(page));
    if (received < 0) end_thread();
    put(guest, static_cast<u64>(received) >> 32, page, static_cast<u32>(received));
    interrupt_for_ring();
  }
}

}  // namespace

void serve_net(Guest& guest, u8* page) {
  NetRing& ring = *reinterpret_cast<NetRing*>(page);
  u32 done = ring.fates_made;
  const u32 made = seen(ring.sends_made);
  if (made - done > ring_slots) return;
  while (done != made) {
    const PacketToSend packet = ring.sends[done % ring_slots];
    ring.fates[done % ring_slots] = send(guest, packet);
    tell(ring.fates_made, ++done);
  }
}

void start_net(Guest& guest) {
  static bool started;
  if (started || !guest.number) return;
  started = true;
  if (call(Call::join_network, guest.number) < 0) {
    print("vmm: number ", guest.number, " of the network is another guest's, or none (1 to 65534)\n");
    guest.number = 0;
    return;
  }
  start_thread(receive, address_of(&guest));
}

}  // namespace lodge
