// Owns the reading of ELF files ("Tool Interface Standard: ELF") and the writing of PVH's start information.
#include "roms/kit/guest_image.h"

namespace kit {
namespace {

struct ElfHeader {
  u8 magic[16];
  u16 type, machine;
  u32 version;
  u64 entry, program_headers, section_headers;
  u32 flags;
  u16 header_bytes, program_header_bytes, program_header_count;
};
struct ProgramHeader {
  u32 type, flags;
  u64 offset, linear, physical, bytes_in_file, bytes_in_memory, alignment;
};
struct Note {
  u32 name_bytes, content_bytes, type;
};
constexpr u32 type_load = 1, type_note = 4;
constexpr u32 physical_entry = 18;  // of a note whose name is "Xen"

bool inside(u64 offset, u64 count, u64 bytes) { return offset <= bytes && count <= bytes - offset; }

u64 rounded(u64 bytes) { return (bytes + 3) & ~3ul; }

u64 entry_in_notes(const u8* notes, u64 bytes) {
  for (u64 n = 0; inside(n, sizeof(Note), bytes);) {
    const Note& note = *reinterpret_cast<const Note*>(notes + n);
    const u64 name = n + sizeof(Note), content = name + rounded(note.name_bytes);
    if (!inside(content, note.content_bytes, bytes)) return 0;
    const bool xen = note.name_bytes == 4 && same(reinterpret_cast<const char*>(notes + name), "Xen");
    if (xen && note.type == physical_entry && note.content_bytes >= 4)
      return *reinterpret_cast<const u32*>(notes + content);
    n = content + rounded(note.content_bytes);
  }
  return 0;
}

}  // namespace

u64 load_elf(const u8* file, u64 bytes, WriteGuest write, void* guest, const char*& why) {
  const ElfHeader& header = *reinterpret_cast<const ElfHeader*>(file);
  why = "is no ELF file of 64 bits";
  constexpr u32 elf_magic = 0x464c457f;
  if (bytes < sizeof header || *reinterpret_cast<const u32*>(file) != elf_magic || file[4] != 2) return 0;
  why = "is cut short";
  const u64 count = header.program_header_count;
  if (header.program_header_bytes != sizeof(ProgramHeader) ||
      !inside(header.program_headers, count * sizeof(ProgramHeader), bytes))
    return 0;
  u64 entry = 0;
  for (u64 n = 0; n < count; ++n) {
    const ProgramHeader& part = reinterpret_cast<const ProgramHeader*>(file + header.program_headers)[n];
    if (part.type != type_load && part.type != type_note) continue;
    if (!inside(part.offset, part.bytes_in_file, bytes)) return 0;
    if (part.type == type_note && !entry) entry = entry_in_notes(file + part.offset, part.bytes_in_file);
    // What is beyond the file's bytes is zero, as all of a new domain's memory is.
    if (part.type == type_load && !write(guest, part.physical, file + part.offset, part.bytes_in_file)) {
      why = "does not fit into the guest's memory";
      return 0;
    }
  }
  why = "has no PVH entry: a note of \"Xen\" with type 18";
  return entry;
}

bool write_start_information(u64 memory_bytes, const char* command_line, const GuestModule* modules,
                             u64 module_count, WriteGuest write, void* guest) {
  // Behind each other: the information, the memory map, the modules, the texts.
  const StartMemory memory[] = {{0, 0x9f000, 1, 0}, {0x100000, memory_bytes - 0x100000, 1, 0}};
  const u64 map = start_information_address + sizeof(StartInformation), list = map + sizeof memory;
  u64 text = list + module_count * sizeof(StartModule);
  const StartInformation information = {
      start_information_magic,        1, 0, static_cast<u32>(module_count), list, text, 0, map,
      sizeof memory / sizeof *memory, 0};
  bool good = write(guest, start_information_address, &information, sizeof information) &&
              write(guest, map, memory, sizeof memory);
  good &= write(guest, text, command_line, length_of(command_line) + 1);
  text += length_of(command_line) + 1;
  for (u64 n = 0; n < module_count; ++n) {
    const StartModule module = {modules[n].address, modules[n].bytes, text, 0};
    good &= write(guest, list + n * sizeof module, &module, sizeof module);
    good &= write(guest, text, modules[n].command_line, length_of(modules[n].command_line) + 1);
    text += length_of(modules[n].command_line) + 1;
  }
  return good;
}

}  // namespace kit
