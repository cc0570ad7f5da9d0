// Owns what the boot loader tells: by multiboot, as Ringside's and QEMU's -kernel do, or by PVH's start
// information, as a hypervisor does that starts such a program as its guest. Both enter at kit_start
// (start.asm).
#pragma once

#include "roms/kit/types.h"

namespace kit {

struct Module {
  u64 first, last;  // the physical address of its first byte, and of the byte after its last one
  const char* command_line;
};

struct BootInformation {
  const char* loader;        // "multiboot" or "PVH"
  const char* command_line;  // "" if there is none
  u64 memory_top;            // the end of the memory that begins at 1 MByte
  u64 module_count;
  Module modules[8];
};

// From the address that the loader left in EBX.
BootInformation read_boot_information(u64 address);

// The end of the program and of all modules: what is behind it, up to memory_top, is free.
u64 first_free_memory(const BootInformation& boot);

// The value of "name=value" on a command line as a number; `otherwise` if it is not there.
u64 number_on(const char* command_line, const char* name, u64 otherwise);
// Does the word stand on it?
bool word_on(const char* command_line, const char* word);

// PVH's structures: the document "x86/HVM direct boot ABI" of Xen.
constexpr u32 start_information_magic = 0x336ec578;
struct StartInformation {
  u32 magic, version, flags, module_count;
  u64 modules, command_line, rsdp;  // physical addresses
  u64 memory_map;
  u32 memory_map_entries, reserved;
};
struct StartModule {
  u64 address, bytes, command_line, reserved;
};
struct StartMemory {
  u64 address, bytes;
  u32 type, reserved;  // type 1 is RAM
};

}  // namespace kit

// What a program on the kit defines: its begin, on the boot processor, in 64-bit mode, with interrupts
// disabled.
void kit_main(const kit::BootInformation& boot);
