// Owns the switch: a port for each process that has joined, and in it the packets that wait for its thread.
//
// It is the smallest of what Linux has as a bridge with taps: the kernel knows ports and no guests. A packet
// is copied twice, because neither process may see the other one's memory, and a receiver that takes nothing
// may hold no more than a few pages of the kernel's.
#include "roms/lodge/network.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/lodge/process.h"
#include "roms/lodge/scheduler.h"

namespace lodge {
namespace {

constexpr u64 most_ports = 16, most_packets = 8;

struct Packet {
  u64 page;  // physical
  u64 from, bytes;
};

struct Port {
  Process* process;  // nullptr: nobody's
  u64 number;
  Thread* receiver;    // who waits; nullptr: nobody
  u64 arrived, taken;  // both count for ever
  Packet packets[most_packets];
};
Port ports[most_ports];

Port* port_of(const Process* process) {
  for (Port& port : ports)
    if (port.process == process) return &port;
  return nullptr;
}

Port* port_with(u64 number) {
  for (Port& port : ports)
    if (port.process && port.number == number) return &port;
  return nullptr;
}

}  // namespace

i64 join_network(Process& process, u64 number) {
  if (number == 0 || number > 65534 || port_of(&process) || port_with(number)) return bad_argument;
  Port* const port = port_of(nullptr);
  if (!port) return no_room;
  *port = {};
  port->process = &process;
  port->number = number;
  return 0;
}

i64 send_packet(Process& from, u64 to, u64 address, u64 bytes) {
  const Port* const sender = port_of(&from);
  if (!sender || bytes > page_bytes) return bad_argument;
  Port* const port = port_with(to);
  if (!port) return nobody;
  constexpr u64 reserve = 1 << 20;  // the kernel's own, without which nobody can go on
  if (port->arrived - port->taken == most_packets || free_memory() < reserve) return no_room;
  const u64 page = allocate_page();
  if (!copy_from(from, address, at<void>(page), bytes)) {
    free_page(page);
    return bad_address;
  }
  port->packets[port->arrived++ % most_packets] = {page, sender->number, bytes};
  if (port->receiver) wake(*port->receiver);
  return 0;
}

i64 receive_packet(Process& process, u64 address) {
  Port* const port = port_of(&process);
  if (!port || port->receiver) return bad_argument;
  Thread& thread = *this_cpu().current;
  port->receiver = &thread;
  while (port->arrived == port->taken && !thread.dying) {
    thread.state = ThreadState::waiting;
    schedule();
  }
  port->receiver = nullptr;
  if (thread.dying) return nobody;
  const Packet packet = port->packets[port->taken++ % most_packets];
  const bool good = copy_to(process, address, at<void>(packet.page), packet.bytes);
  free_page(packet.page);
  return good ? static_cast<i64>(packet.from << 32 | packet.bytes) : bad_address;
}

void leave_network(Process& process) {
  Port* const port = port_of(&process);
  if (!port) return;
  for (; port->taken != port->arrived; ++port->taken)
    free_page(port->packets[port->taken % most_packets].page);
  port->process = nullptr;
}

}  // namespace lodge
