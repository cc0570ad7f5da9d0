// Owns the making and the end of domains, and the way into their memory.
#include "roms/loft/domain.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/loft/disk.h"
#include "roms/loft/events.h"
#include "roms/loft/switch.h"
#include "roms/loft/vcpu.h"

namespace loft {
namespace {

Domain domains[most_domains] = {};

// Calls part(host address, bytes) for each piece that lies in one page; false: a page has not these rights.
template <class Part>
bool each_piece(Domain& d, u64 guest, u64 bytes, u64 rights, Part part) {
  while (bytes) {
    const u64 host = d.ept.host_address(guest, rights);
    if (!host) return false;
    const u64 piece = smaller(bytes, page_bytes - guest % page_bytes);
    part(host, piece);
    guest += piece;
    bytes -= piece;
  }
  return true;
}

}  // namespace

Domain& domain(u64 number) { return domains[number]; }

Domain* find_domain(u64 number, Domain& asker) {
  if (number == this_guest) return &asker;
  return number < most_domains && domains[number].exists ? &domains[number] : nullptr;
}

Domain* create_domain(u64 memory_bytes, bool control) {
  u32 number = 0;
  while (number < most_domains && domains[number].exists) ++number;
  const u64 large_pages = (memory_bytes + large_page_bytes - 1) / large_page_bytes;
  // The tables need some, too; and the hypervisor stops when it has no page for them.
  const u64 spare = 4 * large_page_bytes;
  if (number == most_domains || large_pages == 0 || large_pages * large_page_bytes + spare > free_memory())
    return nullptr;
  Domain& d = domains[number];
  memset(&d, 0, sizeof d);
  d.pit = Pit();
  d.apic = LocalApic();
  d.uart = Uart();
  d.number = number;
  d.exists = true;
  d.control = control;
  d.weight = 256;
  d.memory_bytes = large_pages * large_page_bytes;
  d.ept.create();
  // Whatever a domain is given is zeroed: it sees nothing of who had the page before.
  for (u64 n = 0; n < large_pages; ++n)
    d.ept.map_large_page(n * large_page_bytes, allocate_large_page(), EptRights::all);
  d.ports[0] = {Port::connected, static_cast<u8>(number), 0};
  d.ports[1] = {Port::connected, static_cast<u8>(number), 1};
  return &d;
}

void destroy_domain(Domain& d) {
  // Only what lies in its RAM is its own: above that are pages of others, by grants. A large page that was
  // split comes in pieces of one block, which is given back by its first one.
  d.ept.each([&](u64 guest, u64 host, u64, u64) {
    if (guest < d.memory_bytes && guest % large_page_bytes == 0) free_large_page(host);
  });
  for (Vcpu& v : d.vcpus)
    if (v.vmcs) free_page(v.vmcs);
  remove_disk(d);
  d.ept.destroy();
  d.exists = false;
}

void end_domain(Domain& d, u64 reason) {
  d.state = domain_ended;
  d.end_reason = reason;
  for (Vcpu& v : d.vcpus) {
    if (v.state == VcpuState::running && v.processor != this_processor().number) kick(v.processor);
    v.state = VcpuState::off;
  }
  if (d.control) {
    print("loft: the control domain has ended, and with it the machine\n");
    power_off(reason ? 1 : 0);
  }
  set_pending(domain(0), 1);
}

bool write_memory(Domain& d, u64 guest, const void* from, u64 bytes) {
  const u8* source = static_cast<const u8*>(from);
  return each_piece(d, guest, bytes, EptRights::write, [&](u64 host, u64 piece) {
    memcpy(at<void>(host), source, piece);
    source += piece;
  });
}

bool read_memory(Domain& d, u64 guest, void* to, u64 bytes) {
  u8* target = static_cast<u8*>(to);
  return each_piece(d, guest, bytes, EptRights::read, [&](u64 host, u64 piece) {
    memcpy(target, at<void>(host), piece);
    target += piece;
  });
}

void console_write(Domain& d, const char* text, u64 bytes) {
  for (u64 n = 0; n < bytes; ++n) {
    if (text[n] != '\n' && d.line_bytes < sizeof d.line - 1) d.line[d.line_bytes++] = text[n];
    if (text[n] != '\n' && d.line_bytes < sizeof d.line - 1) continue;
    d.line[d.line_bytes] = 0;
    print("d", d.number, ": ", static_cast<const char*>(d.line), "\n");
    d.line_bytes = 0;
  }
}

}  // namespace loft
