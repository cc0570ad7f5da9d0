// Owns the front end of a network: packets over a ring, and back, or to a neighbour who does the same.
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/ring.h"
#include "roms/tiny/tiny.h"
#include "roms/tiny/transport.h"

namespace tiny {

u64 neighbour = this_guest;

namespace {

// As much as an Ethernet's frame carries, in whole words; the word behind a packet must stay as it is.
constexpr u64 packet_words = 187, packet_bytes = packet_words * sizeof(u64), untouched = ~0ul;
constexpr u32 pages_each_way = 8;

struct Page {
  u64* words;
  u32 grant;
};
Page outgoing[pages_each_way], incoming[pages_each_way];
NetRing* ring;

Page new_page() {
  u64* const words = at<u64>(allocate_page());
  return {words, share(words)};
}

// The next packet that comes may lie in this page: they are used in turns.
void offer_page() {
  const u32 number = ring->grants_made;
  const Page& page = incoming[number % pages_each_way];
  page.words[packet_words] = untouched;
  ring->grants[number % ring_slots] = page.grant;
  tell(ring->grants_made, number + 1);
}

bool connect_net() {
  if (ring) return true;
  ring = at<NetRing>(allocate_page());
  for (Page& page : outgoing) page = new_page();
  for (Page& page : incoming) page = new_page();
  for (u32 n = 0; n < pages_each_way; ++n) offer_page();
  return connect(ring_net, ring);
}

// The packets of one guest differ from each other, and all their words do.
u64 word_of(u64 packet, u64 n) { return packet << 32 | n; }

// Onto the ring; the back end is not told yet.
void put(u64 packet, u64 bytes) {
  const u32 number = ring->sends_made;
  const Page& page = outgoing[number % pages_each_way];
  for (u64 n = 0; n < packet_words; ++n) page.words[n] = word_of(packet, n);
  ring->sends[number % ring_slots] = {static_cast<u32>(neighbour), page.grant, static_cast<u32>(bytes), 0};
  tell(ring->sends_made, number + 1);
}

PacketFate take_fate() {
  while (seen(ring->fates_made) == ring->fates_taken) wait_for_interrupt();
  const PacketFate fate = ring->fates[ring->fates_taken % ring_slots];
  tell(ring->fates_taken, ring->fates_taken + 1);
  return fate;
}

// Waits for the next packet; false: it is not this one, or not whole. From this_guest may be anybody.
bool take_packet(u64 packet, u64 from) {
  while (seen(ring->packets_made) == ring->packets_taken) wait_for_interrupt();
  const u32 number = ring->packets_taken;
  const u64* const words = incoming[number % pages_each_way].words;
  const ReceivedPacket received = ring->packets[number % ring_slots];
  bool good = received.bytes == packet_bytes && words[packet_words] == untouched;
  good &= from == this_guest || from == received.from;
  for (u64 n = 0; n < packet_words; ++n) good &= words[n] == word_of(packet, n);
  tell(ring->packets_taken, number + 1);
  offer_page();
  return good;
}

PacketFate send(u64 packet, u64 bytes) {
  put(packet, bytes);
  notify(ring_net);
  return take_fate();
}

// One goes, one comes. A neighbour who is not there yet is tried again: until then the packets come back.
bool exchange(u64 packet) {
  constexpr unsigned most_tries = 2000;
  bool good = true;
  for (unsigned n = 0;; ++n) {
    const PacketFate fate = send(packet, packet_bytes);
    if (fate == PacketFate::refused || n == most_tries) return false;
    if (fate == PacketFate::delivered || (fate == PacketFate::came_back && neighbour == this_guest)) break;
    if (fate == PacketFate::came_back) good &= take_packet(packet, this_guest);
    hypercall(call_yield);
  }
  return take_packet(packet, neighbour) && good;
}

// As many as there are pages, which have to come in their order, and one more, which is lost.
bool burst() {
  for (u64 n = 0; n < pages_each_way; ++n) put(n, packet_bytes);
  notify(ring_net);
  bool good = true;
  for (u64 n = 0; n < pages_each_way; ++n) good &= take_fate() == PacketFate::came_back;
  good &= send(pages_each_way, packet_bytes) == PacketFate::lost;
  for (u64 n = 0; n < pages_each_way; ++n) good &= take_packet(n, this_guest);
  return good;
}

}  // namespace

bool packets_sent(u64 count) {
  if (!connect_net()) return false;
  bool good = true;
  for (u64 n = 0; n < count && good; ++n) good = exchange(n);
  if (neighbour == this_guest) good = good && burst();
  // No packet is longer than a page, and the back end has to say so.
  return good && send(count, page_bytes + 1) == PacketFate::refused;
}

}  // namespace tiny
