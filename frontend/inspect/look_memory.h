// Owns looking at a machine's memory: by linear, guest-physical and host-physical address, without side
// effects; a page that is not there is an answer.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "cpu/state/cpu.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// Which translation an address still has to go through.
enum class AddressSpace : u8 {
  linear,        // of what the CPU runs now, hypervisor or guest
  guest_linear,  // of the guest of the current VMCS, also while the hypervisor runs (state of the last exit)
  guest_physical,  // of the guest of the current VMCS
  host_physical,   // of the machine
};

inline World world_of(const Cpu& cpu) { return cpu.non_root ? World::non_root : World::root; }
// The CPU's next instruction: CS.base + RIP.
inline u64 linear_rip(const Cpu& cpu) {
  return cpu.mode.bits64 ? cpu.rip : (cpu.segment[CS].base + cpu.rip) & 0xffffffff;
}

// Where an address leads, as reading code would find it, whatever the privilege. nullopt: nowhere, and why in
// `why` (if given): the walk's conclusion, or that there is no guest.
std::optional<HostPhys> locate(const Cpu& cpu, AddressSpace space, u64 address, std::string* why = nullptr);
// How many bytes there are from `address` on, at most bytes.size(); MMIO reads as ff without being touched.
std::size_t peek(const Cpu& cpu, AddressSpace space, u64 address, std::span<u8> bytes);
std::optional<u64> peek_word(const Cpu& cpu, AddressSpace space, u64 address, unsigned size);
// Writes through translation and write protection, into RAM only; tells caches of code. Returns bytes
// written.
std::size_t poke(const Cpu& cpu, AddressSpace space, u64 address, std::span<const u8> bytes);

// `count` words of `size` bytes (1, 2, 4 or 8), 16 bytes a line, with characters for size 1; symbols for
// words of 8 bytes if given. Lines that cannot be read say why.
Sheet memory_sheet(const Cpu& cpu, AddressSpace space, u64 address, unsigned count, unsigned size,
                   const Symbols* symbols = nullptr);

}  // namespace ringside
