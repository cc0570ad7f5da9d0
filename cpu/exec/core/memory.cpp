// Owns the slow side of a body's memory accesses: misses, page crossings, devices, code lines, watched pages.
#include "cpu/exec/core/memory.h"

#include <algorithm>
#include <bit>

#include "cpu/exec/core/block.h"
#include "cpu/exec/core/exit_request.h"
#include "cpu/state/debug_breakpoint.h"
#include "cpu/state/observer.h"
#include "vmx/apic_virtualization.h"

namespace ringside {
namespace {

struct Span {
  u64 linear;
  unsigned size;
  HostPhys physical;
  u8* host;                   // nullptr: a device, a hole, or a page that must not be written directly
  bool virtual_apic = false;  // `physical` is in the virtual-APIC page
};

// Compatibility mode's own accesses are 32 bits wide, those to the system's tables are not. Only the former's
// are by pointers that may have metadata: what follows, translation, CR2, exits, breakpoints, never sees it.
u64 wrap(const Cpu& cpu, u64 linear, bool system) {
  if (!system && cpu.mode.bits64) return masked_pointer(cpu, linear);
  return system && cpu.mode.long_mode ? linear : linear & 0xffffffff;
}

bool refuse(Cpu& cpu, const Fault& fault) {
  cpu.fault = fault;
  cpu.chain_end = ChainEnd::fault;
  return false;
}
// The access has side effects that only an instruction running alone may have.
bool not_alone(Cpu& cpu) {
  if (cpu.alone) return false;
  cpu.chain_end = ChainEnd::alone;
  return true;
}

// An access to the APIC-access page: made on the virtual-APIC page instead, or it exits.
bool open_apic_access(Cpu& cpu, Span& span, unsigned size, AccessKind kind) {
  if (not_alone(cpu)) return false;
  const u32 offset = static_cast<u32>(span.linear & 0xfff);
  const bool whole = span.size == size;
  const bool served = whole && (kind == AccessKind::write ? apic_write_virtualized(cpu, offset, size)
                                                          : apic_read_virtualized(cpu, offset, size));
  if (!served) return request_exit(cpu, apic_access_exit(cpu, offset, kind, true));
  span.physical = cpu.vmx->controls.virtual_apic + offset;
  span.host = nullptr;
  span.virtual_apic = true;
  return true;
}

// The debug registers whose range meets the access; bits B0..B3.
u64 watchpoints_hit(const Cpu& cpu, u64 linear, unsigned size, bool write) {
  u64 hit = 0;
  for (unsigned n = 0; n < 4; ++n) {
    const DebugBreakpoint b = debug_breakpoint(cpu, n);
    const bool wanted = b.kind == DebugBreakpoint::accesses || (b.kind == DebugBreakpoint::writes && write);
    if (b.enabled && wanted && b.meets(linear, size)) hit |= bit(n);
  }
  return hit;
}

// The block that runs lies in another page: a store cannot change what follows in it.
bool away_from_running_code(Cpu& cpu, HostPhys physical) {
  const u64 page = (cpu.engine->code_base + cpu.rip_base) & cpu.engine->code_mask & ~u64{0xfff};
  const FetchEntry& entry = cpu.mmu.fetch_view()[tlb_index(page)];
  const PhysicalMemory& memory = cpu.mmu.memory();
  return entry.tag == page && memory.gated(entry.page) != memory.gated(physical.page());
}

// The one or two pages of an access of at most a page.
struct Plan {
  Span span[2];
  unsigned count = 0;
  bool modifies = false;  // asked of a read-modify-write, for observers
};

struct Request {
  u64 linear;
  unsigned size;
  AccessKind kind;
  bool system;  // an implicit supervisor access
  bool write() const { return kind == AccessKind::write; }
};

// What can fault before any page is looked for: the address itself, and its alignment.
bool address_ok(Cpu& cpu, const Request& r, SegReg seg) {
  if (cpu.mode.long_mode && (!cpu.mmu.canonical(r.linear) || !cpu.mmu.canonical(r.linear + r.size - 1))) {
    cpu.raise(seg == SS ? Vector::SS : Vector::GP, 0);
    return false;
  }
  const bool user = cpu.cpl == 3 && !r.system;
  if (user && r.size <= 8 && (r.linear & (r.size - 1)) && (cpu.cr0 & Cr0::AM) && cpu.flag(Eflags::AC)) {
    cpu.raise(Vector::AC, 0);
    return false;
  }
  return true;
}

void divide(const Cpu& cpu, const Request& r, Plan& plan) {
  const unsigned first = std::min<unsigned>(r.size, static_cast<unsigned>(page_bytes - (r.linear & 0xfff)));
  plan.count = first == r.size ? 1 : 2;
  plan.span[0] = {r.linear, first, HostPhys(), nullptr};
  if (first != r.size)
    plan.span[1] = {wrap(cpu, r.linear + first, r.system), r.size - first, HostPhys(), nullptr};
}

// Where a part of the access leads, and the host's pointer if it may be used.
bool find_place(Cpu& cpu, const Request& r, Span& span) {
  const bool user = cpu.cpl == 3 && !r.system, write = r.write();
  Fault fault;
  if (!cpu.mmu.translate(LinAddr(span.linear), {r.kind, user, r.system}, span.physical, fault))
    return refuse(cpu, fault);
  // The page has a fast tag: it is no device's, has no code on it, and nobody watches it.
  const TlbView& view = r.system ? *cpu.mmu.supervisor_view() : *cpu.mmu.data_view();
  const TlbEntry& entry = (write ? view.write : view.read)[tlb_index(span.linear)];
  if (entry.tag == (span.linear & ~u64{0xfff})) {
    span.host = host_pointer(entry, span.linear);
    return true;
  }
  if (cpu.non_root && span.physical.page() == cpu.mmu.apic_access_page()) [[unlikely]]
    return open_apic_access(cpu, span, r.size, r.kind);
  PhysicalMemory& memory = cpu.mmu.memory();
  const bool code = write && memory.lines_have_code(memory.gated(span.physical), span.size);
  span.host = code ? nullptr : memory.pointer(span.physical, write);
  return span.host || (code && away_from_running_code(cpu, span.physical)) || !not_alone(cpu);
}

bool is_watched(const Cpu& cpu) {
  return cpu.observers && (!cpu.watched.empty() || cpu.mmu.watches_frames());
}

// Observers hear of the access once it cannot fault any more.
bool tell_watchers(Cpu& cpu, const Request& r, const Plan& plan) {
  const bool user = cpu.cpl == 3 && !r.system;
  const ObservedAccess access{
      LinAddr(r.linear),     r.size,       {r.kind, user, r.system}, plan.span[0].size, plan.span[0].physical,
      plan.span[1].physical, plan.modifies};
  if (!cpu.observers.any([&](const CpuObserver& o) { return o.watches(cpu, access); })) return true;
  if (not_alone(cpu)) return false;
  cpu.observers.tell([&](CpuObserver& o) {
    if (o.watches(cpu, access)) o.accessed(cpu, access);
  });
  return true;
}

bool meet_watchpoints(Cpu& cpu, const Request& r) {
  const u64 hit = watchpoints_hit(cpu, r.linear, r.size, r.write());
  if (!hit) return true;
  if (not_alone(cpu)) return false;
  cpu.pending_debug |= hit;
  cpu.attention |= Attention::trap;
  return true;
}

// Finds the pages of an access and checks everything that can fault, low page first. Nothing is read or
// written.
bool plan(Cpu& cpu, u64 linear, unsigned size, AccessKind kind, SegReg seg, bool system, Plan& result) {
  const Request r{wrap(cpu, linear, system), size, kind, system};
  if (!address_ok(cpu, r, seg)) return false;
  divide(cpu, r, result);
  for (unsigned n = 0; n < result.count; ++n)
    if (!find_place(cpu, r, result.span[n])) return false;
  if (is_watched(cpu) && !tell_watchers(cpu, r, result)) [[unlikely]]
    return false;
  return !(cpu.dr7 & Dr7::enabled) || meet_watchpoints(cpu, r);
}

void read_span(Cpu& cpu, const Span& span, u8* out) {
  if (span.host) {
    std::memcpy(out, span.host, span.size);
    return;
  }
  for (unsigned done = 0; done < span.size;) {
    const unsigned part = std::bit_floor(std::min(span.size - done, 8u));
    const u64 value = cpu.mmu.memory().read(span.physical + done, part);
    std::memcpy(out + done, &value, part);
    done += part;
  }
}
void write_span(Cpu& cpu, const Span& span, const u8* in) {
  if (span.host) {
    std::memcpy(span.host, in, span.size);
    return;
  }
  for (unsigned done = 0; done < span.size;) {
    const unsigned part = std::bit_floor(std::min(span.size - done, 8u));
    u64 value = 0;
    std::memcpy(&value, in + done, part);
    cpu.mmu.memory().write(span.physical + done, part, value);
    done += part;
  }
  if (span.virtual_apic) emulate_apic_write(cpu, static_cast<u32>(span.linear & 0xfff));
}

void read_plan(Cpu& cpu, const Plan& p, void* out) {
  read_span(cpu, p.span[0], static_cast<u8*>(out));
  if (p.count == 2) read_span(cpu, p.span[1], static_cast<u8*>(out) + p.span[0].size);
}
void write_plan(Cpu& cpu, const Plan& p, const void* in) {
  write_span(cpu, p.span[0], static_cast<const u8*>(in));
  if (p.count == 2) write_span(cpu, p.span[1], static_cast<const u8*>(in) + p.span[0].size);
}

u64 read_word(Cpu& cpu, const Span& span) {
  u64 value = 0;
  if (span.host != nullptr && span.size == sizeof value)
    std::memcpy(&value, span.host, sizeof value);
  else
    read_span(cpu, span, reinterpret_cast<u8*>(&value));
  return value;
}

Loaded load_planned(Cpu& cpu, u64 linear, unsigned size, SegReg seg, bool system) {
  // Most misses are of one page at which nobody looks: what a plan of two would cost is a tenth of them.
  if ((linear & 0xfff) + size <= page_bytes && !(cpu.dr7 & Dr7::enabled) && !is_watched(cpu)) [[likely]] {
    const Request r{wrap(cpu, linear, system), size, AccessKind::read, system};
    Span span{r.linear, size, HostPhys(), nullptr};
    if (!address_ok(cpu, r, seg) || !find_place(cpu, r, span)) return {0, false};
    return {read_word(cpu, span), true};
  }
  Plan p;
  if (!plan(cpu, linear, size, AccessKind::read, seg, system, p)) return {0, false};
  u64 value = 0;
  read_plan(cpu, p, &value);
  return {value, true};
}

}  // namespace

Loaded load_slow(Cpu& cpu, u64 linear, unsigned size, SegReg seg) {
  return load_planned(cpu, linear, size, seg, false);
}
Loaded load_for_write_slow(Cpu& cpu, u64 linear, unsigned size, SegReg seg, u8*& host) {
  host = nullptr;
  Plan p;
  p.modifies = true;
  if (!plan(cpu, linear, size, AccessKind::write, seg, false, p)) return {0, false};
  u64 value = 0;
  read_plan(cpu, p, &value);
  // Between the halves nothing runs that could take the place away. Who watches hears of both.
  if (p.count == 1 && !is_watched(cpu)) host = p.span[0].host;
  return {value, true};
}
bool store_slow(Cpu& cpu, u64 linear, unsigned size, u64 value, SegReg seg) {
  if (u8* host = cpu.mmu.store_beside_code(linear, size)) {
    std::memcpy(host, &value, size);
    return true;
  }
  Plan p;
  if (!plan(cpu, linear, size, AccessKind::write, seg, false, p)) return false;
  write_plan(cpu, p, &value);
  return true;
}
bool probe_write(Cpu& cpu, u64 linear, unsigned size, SegReg seg) {
  Plan p;
  return plan(cpu, linear, size, AccessKind::write, seg, false, p);
}
bool probe_read(Cpu& cpu, u64 linear, unsigned size, SegReg seg) {
  Plan p;
  return plan(cpu, linear, size, AccessKind::read, seg, false, p);
}
bool load_bytes(Cpu& cpu, u64 linear, void* out, unsigned size, SegReg seg) {
  Plan p;
  if (!plan(cpu, linear, size, AccessKind::read, seg, false, p)) return false;
  read_plan(cpu, p, out);
  return true;
}
bool store_bytes(Cpu& cpu, u64 linear, const void* in, unsigned size, SegReg seg) {
  Plan p;
  if (!plan(cpu, linear, size, AccessKind::write, seg, false, p)) return false;
  write_plan(cpu, p, in);
  return true;
}

Loaded load_system(Cpu& cpu, u64 linear, unsigned size) { return load_planned(cpu, linear, size, DS, true); }
bool store_system(Cpu& cpu, u64 linear, unsigned size, u64 value) {
  const TlbEntry& entry = cpu.mmu.supervisor_view()->write[tlb_index(linear)];
  if (((linear + size - 1) & ~u64{0xfff}) == entry.tag) {
    std::memcpy(host_pointer(entry, linear), &value, size);
    return true;
  }
  Plan p;
  if (!plan(cpu, linear, size, AccessKind::write, DS, true, p)) return false;
  write_plan(cpu, p, &value);
  return true;
}
bool probe_write_system(Cpu& cpu, u64 linear, unsigned size) {
  Plan p;
  return plan(cpu, linear, size, AccessKind::write, DS, true, p);
}

}  // namespace ringside
