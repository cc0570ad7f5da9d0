// Owns the reading of ELF files, for the kernel, which loads programs, and for the VMM, which loads guests.
// ("Tool Interface Standard: ELF"; the numbers are those of its figures.)
#pragma once

#include "roms/kit/types.h"

namespace lodge {

using namespace kit;

struct ElfPart {
  const u8* bytes;  // in the file
  u64 linear, physical;
  u64 bytes_in_file, bytes_in_memory;  // what is beyond the file's is 0
};

// A file of 64 bits for x86. Nothing outside of it is read, whatever stands in it.
class ElfFile {
 public:
  ElfFile(const u8* file, u64 bytes) : file_(file), bytes_(bytes) {}

  bool valid() const {
    constexpr u8 begin[5] = {0x7f, 'E', 'L', 'F', 2};
    if (bytes_ < 64) return false;
    for (int n = 0; n < 5; ++n)
      if (file_[n] != begin[n]) return false;
    const u64 table = field<u64>(0x20), count = field<u16>(0x38);
    if (field<u16>(0x36) != header_bytes || table > bytes_ || count * header_bytes > bytes_ - table)
      return false;
    for (u64 n = 0; n < count; ++n) {
      const u64 offset = header<u64>(n, 8), size = header<u64>(n, 0x20);
      if (offset > bytes_ || size > bytes_ - offset) return false;
    }
    return true;
  }

  u64 entry() const { return field<u64>(0x18); }

  // The program headers; those of other types than `load` have no bytes in memory.
  u64 part_count() const { return field<u16>(0x38); }
  ElfPart part(u64 n) const {
    constexpr u32 load = 1;
    ElfPart part = {file_ + header<u64>(n, 8), header<u64>(n, 0x10), header<u64>(n, 0x18),
                    header<u64>(n, 0x20), header<u64>(n, 0x28)};
    if (header<u32>(n, 0) != load) part.bytes_in_file = part.bytes_in_memory = 0;
    if (part.bytes_in_file > part.bytes_in_memory) part.bytes_in_file = part.bytes_in_memory;
    return part;
  }

  // PVH's entry point: a note of "Xen" with type 18 ("x86/HVM direct boot ABI"); 0 if there is none.
  u64 pvh_entry() const {
    constexpr u32 note = 4, type_pvh = 18;
    for (u64 n = 0; n < part_count(); ++n) {
      if (header<u32>(n, 0) != note) continue;
      const u64 begin = header<u64>(n, 8), end = begin + header<u64>(n, 0x20);
      for (u64 at = begin; at + 12 <= end;) {
        const u64 name = (field<u32>(at) + 3ul) & ~3ul, value = (field<u32>(at + 4) + 3ul) & ~3ul;
        if (at + 12 + name + value > end) break;
        if (field<u32>(at + 8) == type_pvh && field<u32>(at) == 4 && field<u32>(at + 12) == 0x6e6558)
          return field<u32>(at + 16);
        at += 12 + name + value;
      }
    }
    return 0;
  }

 private:
  static constexpr u64 header_bytes = 56;

  template <class T>
  T field(u64 offset) const {
    T value;
    memcpy(&value, file_ + offset, sizeof value);
    return value;
  }
  template <class T>
  T header(u64 n, u64 offset) const {
    return field<T>(field<u64>(0x20) + n * header_bytes + offset);
  }

  const u8* file_;
  u64 bytes_;
};

}  // namespace lodge
