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

// Compatibility mode's own accesses are 32 bits wide, those to the system's tables are not.
u64 wrap(const Cpu& cpu, u64 linear, bool system) {
  const bool wide = system ? cpu.mode.long_mode : cpu.mode.bits64;
  return wide ? linear : linear & 0xffffffff;
}

bool refuse(Cpu& cpu, const Fault& fault) {
  cpu.fault = fault;
  cpu.left = Left::fault;
  return false;
}
// The access has side effects that only an instruction running alone may have.
bool not_alone(Cpu& cpu) {
  if (cpu.alone) return false;
  cpu.left = Left::alone;
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

// Finds the one or two pages of an access of at most a page and checks everything that can fault, low page
// first. Nothing is read or written. With `system` it is an implicit supervisor access.
struct Plan {
  Span span[2];
  unsigned count = 0;
  bool modifies = false;  // asked of a read-modify-write, for observers
};

bool plan(Cpu& cpu, u64 linear, unsigned size, AccessKind kind, SegReg seg, bool system, Plan& result) {
  linear = wrap(cpu, linear, system);
  if (cpu.mode.long_mode && (!cpu.mmu.canonical(linear) || !cpu.mmu.canonical(linear + size - 1))) {
    cpu.raise(seg == SS ? Vector::SS : Vector::GP, 0);
    return false;
  }
  const bool user = cpu.cpl == 3 && !system;
  if (user && size <= 8 && (linear & (size - 1)) && (cpu.cr0 & Cr0::AM) && cpu.flag(Eflags::AC)) {
    cpu.raise(Vector::AC, 0);
    return false;
  }
  const bool write = kind == AccessKind::write;
  const unsigned first = std::min<unsigned>(size, static_cast<unsigned>(page_bytes - (linear & 0xfff)));
  result.count = first == size ? 1 : 2;
  result.span[0] = {linear, first, HostPhys(), nullptr};
  if (first != size) result.span[1] = {wrap(cpu, linear + first, system), size - first, HostPhys(), nullptr};
  for (unsigned n = 0; n < result.count; ++n) {
    Span& span = result.span[n];
    Fault fault;
    if (!cpu.mmu.translate(LinAddr(span.linear), {kind, user, system}, span.physical, fault))
      return refuse(cpu, fault);
    // With a tag there is nothing more to ask.
    const TlbView& view = system ? *cpu.mmu.supervisor_view() : *cpu.mmu.data_view();
    const TlbEntry& entry = (write ? view.write : view.read)[tlb_index(span.linear)];
    if (entry.tag == (span.linear & ~u64{0xfff})) {
      span.host = host_pointer(entry, span.linear);
      continue;
    }
    if (cpu.non_root && span.physical.page() == cpu.mmu.apic_access_page()) [[unlikely]] {
      if (!open_apic_access(cpu, span, size, kind)) return false;
      continue;
    }
    PhysicalMemory& memory = cpu.mmu.memory();
    const bool code = write && memory.lines_have_code(memory.gated(span.physical), span.size);
    span.host = code ? nullptr : memory.pointer(span.physical, write);
    if (!span.host && !(code && away_from_running_code(cpu, span.physical)) && not_alone(cpu)) return false;
  }
  if (cpu.observer && (!cpu.watched.empty() || cpu.mmu.watches_frames())) [[unlikely]] {
    const ObservedAccess access{
        LinAddr(linear),         size,           {kind, user, system}, first, result.span[0].physical,
        result.span[1].physical, result.modifies};
    if (cpu.observer->watches(cpu, access)) {
      if (not_alone(cpu)) return false;
      cpu.observer->accessed(cpu, access);
    }
  }
  if (cpu.dr7 & 0xff) {
    const u64 hit = watchpoints_hit(cpu, linear, size, write);
    if (hit) {
      if (not_alone(cpu)) return false;
      cpu.pending_debug |= hit;
      cpu.attention |= Attention::trap;
    }
  }
  return true;
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

Loaded load_planned(Cpu& cpu, u64 linear, unsigned size, SegReg seg, bool system) {
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
  // Between the halves nothing runs that could take the place away. An observer hears of both.
  if (p.count == 1 && !cpu.observer) host = p.span[0].host;
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
