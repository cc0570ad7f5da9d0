// Owns the typed access to descriptor tables, task-state segments and inner stacks: the supervisor's view of
// the TLB inline, load_system and store_system behind it.
#pragma once

#include "cpu/exec/core/memory.h"

namespace ringside {

template <class T>
inline bool read_system(Cpu& cpu, u64 linear, T& out) {
  if (!cpu.mode.long_mode) linear = static_cast<u32>(linear);
  const TlbEntry& entry = cpu.mmu.supervisor_view()->read[tlb_index(linear)];
  if (hits<T>(entry, linear)) [[likely]] {
    std::memcpy(&out, host_pointer(entry, linear), sizeof(T));
    return true;
  }
  const Loaded loaded = load_system(cpu, linear, sizeof(T));
  out = static_cast<T>(loaded.value);
  return loaded.ok;
}

template <class T>
inline bool write_system(Cpu& cpu, u64 linear, T value) {
  if (!cpu.mode.long_mode) linear = static_cast<u32>(linear);
  const TlbEntry& entry = cpu.mmu.supervisor_view()->write[tlb_index(linear)];
  if (hits<T>(entry, linear)) [[likely]] {
    std::memcpy(host_pointer(entry, linear), &value, sizeof(T));
    return true;
  }
  return store_system(cpu, linear, sizeof(T), value);
}

}  // namespace ringside
