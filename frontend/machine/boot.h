// Owns direct boot: what to load, and the loaders' common face.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cpu/state/cpu.h"

namespace ringside {

// Files are read by the loaders; an empty name means none.
struct BootRequest {
  std::string kernel;   // bzImage, multiboot 1 or 2, PVH ELF
  std::string initrd;   // bzImage: one file; multiboot and PVH: modules, "file args,file args" as QEMU takes them
  std::string append;   // command line
  std::string bios;     // raw image below 4 GiB and 1 MiB; used if there is no kernel
};

// One range of the memory map that guests are told (e820, multiboot mmap, PVH memmap): type 1 RAM, 2 reserved, 3 ACPI.
struct MemoryRange {
  u64 base, bytes;
  u32 type;
};

// What the loaders know of the machine.
struct BootPlatform {
  PhysicalMemory* memory = nullptr;
  Cpu* bsp = nullptr;
  std::vector<MemoryRange> memory_map;  // sorted, ACPI and BIOS areas reserved
  u64 low_ram_end = 0;                  // end of RAM below 4 GiB
  u64 rsdp = 0;                         // physical address of the ACPI RSDP
};

// Loads request.kernel and what goes with it, and sets the BSP's registers to the protocol's entry state. On failure one line in
// `error` that names the file, what is wrong with it and the cure; nothing has been loaded that matters.
bool load_kernel(const BootRequest& request, const BootPlatform& platform, std::string& error);

// Writes the ACPI tables (and the MP table) into [0xe0000, 0x100000) for `cpus` CPUs. Returns the RSDP's address.
u64 write_acpi_tables(PhysicalMemory& memory, unsigned cpus);

}  // namespace ringside
