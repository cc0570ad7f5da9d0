// Owns direct boot: what to load, and the loaders' common face.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cpu/state/cpu.h"

namespace ringside {

// Files are read by the loaders; an empty name means none.
struct BootRequest {
  std::string kernel;  // bzImage, multiboot 1 or 2, PVH ELF
  std::string
      initrd;  // bzImage: one file; multiboot and PVH: modules, "file args,file args" as QEMU takes them
  std::string append;  // command line
  std::string bios;    // raw image below 4 GiB and 1 MiB; with a kernel, it is the firmware that loads that
  std::string option_rom;  // what makes SeaBIOS load the kernel; none: firmware does it by itself
  // -boot: a, c, d and n for floppy, disk, CD and network; whether a menu is offered, and how long, in ms.
  std::string order = "cad";
  bool menu = false;
  std::optional<u16> menu_wait;

  // The kernel is put into memory and started; else firmware does it, or what a ROM has instead.
  bool direct() const { return !kernel.empty() && bios.empty(); }
};

// One range of the memory map that guests are told (e820, multiboot mmap, PVH memmap): type 1 RAM, 2
// reserved, 3 ACPI.
struct MemoryRange {
  u64 base, bytes;
  u32 type;
};

// RAM below 4 GiB ends here at the latest; PCI's memory window follows it.
constexpr u64 low_ram_limit = 0xc0000000;

// The PC's map for so much RAM (at least 1 MiB): conventional memory, the BIOS area [0xe0000, 0x100000) and
// the ROM below 4 GiB reserved, RAM up to `low_ram_limit`, the rest from 4 GiB on. Sorted, without overlaps.
// No RAM is lost to the hole: RAM regions are [0, min(ram_bytes, low_ram_limit)) and what is left at 4 GiB.
std::vector<MemoryRange> standard_memory_map(u64 ram_bytes);

// What the loaders know of the machine.
struct BootPlatform {
  PhysicalMemory* memory = nullptr;
  Cpu* bsp = nullptr;
  std::vector<MemoryRange> memory_map;  // sorted, ACPI and BIOS areas reserved
  u64 low_ram_end = 0;                  // end of RAM below 4 GiB
  u64 rsdp = 0;                         // physical address of the ACPI RSDP
  bool text_screen = false;             // there is a VGA, in text mode 3
};

// Loads request.kernel and what goes with it, and sets the BSP's registers to the protocol's entry state. On
// failure one line in `error` that names the file, what is wrong with it and the cure; nothing has been
// loaded that matters.
bool load_kernel(const BootRequest& request, const BootPlatform& platform, std::string& error);

// Where there is no firmware, each CPU's memory types are set as firmware leaves them: all write-back, UC
// from `low_ram_limit` to 4 GiB and in the VGA area. load_kernel does it for the BSP; the machine does it for
// the others.
void set_memory_types(Cpu& cpu);

// Writes the ACPI tables (and the MP table) into [0xe0000, 0x100000) for `cpus` CPUs. Returns the RSDP's
// address.
u64 write_acpi_tables(PhysicalMemory& memory, unsigned cpus);

}  // namespace ringside
