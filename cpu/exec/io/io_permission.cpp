// Owns the I/O permission check and the way to the bus.
#include "cpu/exec/io/io_permission.h"

#include "cpu/exec/core/debug_traps.h"
#include "cpu/exec/core/system_access.h"
#include "cpu/state/observer.h"

namespace ringside {

bool io_allowed(Cpu& cpu, u16 port, unsigned size) {
  if (!cpu.mode.v86 && (!cpu.mode.protected_mode || cpu.cpl <= cpu.iopl())) return true;
  const auto refuse = [&] {
    cpu.raise(Vector::GP, 0);
    return false;
  };
  // Only a 32-bit or 64-bit TSS (types 9 and 11) has a map; its offset is at byte 102.
  constexpr u32 map_offset_at = 102;
  const Segment& tss = cpu.segment[TR];
  if (!tss.usable() || (tss.type() & ~2u) != 9 || tss.limit < map_offset_at + 1) return refuse();
  u16 map, bits;
  if (!read_system(cpu, tss.base + map_offset_at, map)) return false;
  // Two bytes are read, whatever the alignment: both must lie inside the limit.
  const u32 at = u32{map} + port / 8;
  if (at + 1 > tss.limit) return refuse();
  if (!read_system(cpu, tss.base + at, bits)) return false;
  return (bits >> (port % 8) & ((1u << size) - 1)) == 0 || refuse();
}

namespace {

// A cycle of the ISA bus, or of PCI behind its bridges, takes about a microsecond, whatever the
// processor's frequency; guests that count accesses, or poll until a time is over, go by it.
void spend_bus_cycle(Cpu& cpu) {
  constexpr u64 cycles_per_second = 1'000'000;
  if (cpu.clock) cpu.clock->spend(cpu.clock->frequency() / cycles_per_second);
}

}  // namespace

u32 read_port(Cpu& cpu, u16 port, unsigned size) {
  raise_debug_trap(cpu, io_breakpoints_met(cpu, port, size));
  spend_bus_cycle(cpu);
  const u32 value = cpu.ports ? cpu.ports->port_read(port, size) : ~u32{0};
  if (cpu.observers) [[unlikely]]
    cpu.observers.tell([&](CpuObserver& o) { o.port_access(cpu, port, size, false, value); });
  return value;
}
void write_port(Cpu& cpu, u16 port, unsigned size, u32 value) {
  raise_debug_trap(cpu, io_breakpoints_met(cpu, port, size));
  if (cpu.observers) [[unlikely]]
    cpu.observers.tell([&](CpuObserver& o) { o.port_access(cpu, port, size, true, value); });
  spend_bus_cycle(cpu);
  if (cpu.ports) cpu.ports->port_write(port, size, value);
}

}  // namespace ringside
