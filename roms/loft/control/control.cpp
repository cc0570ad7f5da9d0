// Owns the control domain's kernel: it makes a domain of each module, serves their disks and their network,
// and ends the machine when the last one has ended. It is a guest like the others; but the hypervisor listens
// when it asks for more than they may.
#include "roms/loft/control/control.h"

#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"

namespace control {
namespace {

constexpr u8 event_vector = 0x40;
constexpr u64 port_changed = 1;  // a domain has written a slot, or has ended

SharedPage* shared;
Guest guests[most_guests];
u64 guest_count;

void print_by_hypercall(const char* text, u64 bytes) {
  hypercall(call_console_write, address_of(text), bytes);
}

// The interrupt only ends the sleep: the loop below looks at what is pending.
void on_event(InterruptFrame&) {}

void start_events() {
  set_handler(event_vector, on_event);
  shared = at<SharedPage>(allocate_page());
  if (hypercall(call_set_shared_page, address_of(shared), event_vector) < 0)
    stop("the hypervisor refuses a shared page");
}

void look_after_end(Guest& guest) {
  const u64 state = static_cast<u64>(hypercall(call_domain_state, guest.number));
  if (guest.ended || (state & 0xff) != domain_ended) return;
  guest.ended = true;
  const u64 time = static_cast<u64>(hypercall(call_domain_time, guest.number));
  print("domain ", guest.number, " has ended with ", state >> 8, " and ran ", time / 1000, " us\n");
}

bool is_ramdisk(const Module& module) { return word_on(module.command_line, "ramdisk"); }

bool all_ended() {
  for (u64 n = 0; n < guest_count; ++n)
    if (!guests[n].ended) return false;
  return true;
}

u64 failures() {
  u64 sum = 0;
  for (u64 n = 0; n < guest_count; ++n)
    sum += static_cast<u64>(hypercall(call_domain_state, guests[n].number)) >> 8 ? 1 : 0;
  return sum;
}

bool is_pending(u64 pending, u64 port) { return port && pending & bit(static_cast<unsigned>(port)); }

void serve() {
  while (!all_ended()) {
    // Bits that are set after this line end the next sleep.
    const u64 pending = __atomic_exchange_n(&shared->pending, 0, __ATOMIC_SEQ_CST);
    for (u64 n = 0; n < guest_count; ++n) {
      Guest& guest = guests[n];
      if (pending & bit(port_changed)) connect_disk(guest, n);
      if (is_pending(pending, guest.disk_port)) serve_disk(guest);
      const bool had_net = guest.net_port;
      if (pending & bit(port_changed)) connect_net(guest, n);
      // What was on the ring before is served at once.
      if (guest.net_port && (!had_net || is_pending(pending, guest.net_port)))
        serve_net(guest, guests, guest_count);
      if (pending & bit(port_changed)) look_after_end(guest);
    }
    if (!pending) wait_for_interrupt();
  }
}

}  // namespace

u64 connect(const Guest& guest, Slot grant_slot, Slot port_slot, u64 address) {
  const i64 grant = hypercall(call_store_read, guest.number, grant_slot),
            port = hypercall(call_store_read, guest.number, port_slot);
  if (grant <= 0 || port <= 0) return 0;
  if (hypercall(call_grant_map, guest.number, static_cast<u64>(grant), address, true) < 0) return 0;
  const i64 own = hypercall(call_event_bind, guest.number, static_cast<u64>(port));
  if (own >= 0) return static_cast<u64>(own);
  hypercall(call_grant_unmap, address);
  return 0;
}

}  // namespace control

void kit_main(const kit::BootInformation& boot) {
  using namespace control;
  set_output(print_by_hypercall);
  print("the control domain, ", boot.memory_top >> 20, " MBytes, ", boot.module_count, " modules\n");
  start_events();
  u64 failed = 0;
  for (u64 n = 0; n < boot.module_count && guest_count < most_guests; ++n) {
    // An initial RAM disk stands behind the kernel that it is for.
    const bool has_ramdisk = n + 1 < boot.module_count && is_ramdisk(boot.modules[n + 1]);
    if (is_ramdisk(boot.modules[n])) continue;
    if (make_guest(guests[guest_count], boot.modules[n], has_ramdisk ? &boot.modules[n + 1] : nullptr))
      ++guest_count;
    else
      ++failed;
  }
  serve();
  failed += failures();
  print(failed ? "not all guests ended well\n" : "all guests have ended well\n");
  hypercall(call_shutdown, failed);
}
