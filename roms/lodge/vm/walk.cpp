// Owns the steps of the walk.
#include "roms/lodge/vm/walk.h"

#include "roms/lodge/vm/control_registers.h"

namespace lodge {

Walk walk(VirtualCpu& cpu, u64 linear, bool accessed) {
  constexpr u64 address_mask = 0x000ffffffffff000, present = 1, writable = 2, user = 4,
                accessed_flag = 1 << 5, large = 1 << 7, no_execute = 1ul << 63;
  const ControlRegisters registers = control_registers(cpu);
  if (!(registers.cr0 & CR0::PG)) return {true, linear & 0xffffffff, true, true, true, nullptr};
  if (!(registers.efer & EFER::LMA)) return {};
  Walk found = {true, 0, true, true, true, nullptr};
  u64 table = registers.cr3 & address_mask;
  for (unsigned shift = 39;; shift -= 9) {
    const u64 page = guest_page(*cpu.machine, table);
    if (!page) return {};
    u64& entry = at<u64>(page)[linear >> shift & 511];
    const u64 inside = (1ul << shift) - 1;  // of what the entry maps
    if (!(entry & present)) return {};
    if (accessed) entry |= accessed_flag;
    found.writable &= (entry & writable) != 0;
    found.user &= (entry & user) != 0;
    found.executable &= !(entry & no_execute && registers.efer & EFER::NXE);
    found.entry = &entry;
    found.physical = (entry & address_mask & ~inside) | (linear & inside);
    if (shift == 12 || (shift < 39 && entry & large)) return found;
    table = entry & address_mask;
  }
}

}  // namespace lodge
