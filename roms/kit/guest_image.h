// Owns the loading of a guest: an ELF file with PVH's note, and the start information that such a kernel is
// given.
#pragma once

#include "roms/kit/boot.h"

namespace kit {

// How the loader's bytes come into the guest's memory; false: there is none at that address.
using WriteGuest = bool (*)(void* guest, u64 address, const void* bytes, u64 count);

// Where the loader puts what it tells: below 640 KBytes, above the page of an old BIOS.
constexpr u64 start_information_address = 0x6000;

// Loads the program's parts where they want to lie. The physical address of its entry, or 0: why says what is
// wrong with it.
u64 load_elf(const u8* file, u64 bytes, WriteGuest write, void* guest, const char*& why);

// A module that is in the guest's memory already.
struct GuestModule {
  u64 address, bytes;
  const char* command_line;
};

// Writes start information with the command line, the memory and the modules at start_information_address.
bool write_start_information(u64 memory_bytes, const char* command_line, const GuestModule* modules,
                             u64 module_count, WriteGuest write, void* guest);

}  // namespace kit
