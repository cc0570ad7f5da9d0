// Owns reading ELF files as kernels: their segments by physical address, their entry, their notes.
#pragma once

#include "frontend/machine/load_protocols.h"

namespace ringside {

struct ElfKernel {
  struct Segment {
    u64 number;  // in the program header table
    u64 offset, file_bytes, address, memory_bytes;
  };
  bool bits64 = false;
  u64 entry = 0;                  // physical
  std::vector<Segment> segments;  // PT_LOAD, none empty
  std::optional<u64> pvh_entry;   // of the note XEN_ELFNOTE_PHYS32_ENTRY
  u64 start = 0, end = 0;         // of all segments
};

bool is_elf(const Image& image);
// False: not for x86, cut short, or nonsense; job.error says which.
bool read_elf(const LoadJob& job, ElfKernel& elf);
// Claims and fills the segments, each `shift` bytes (modulo 2^64) above the address it was linked for.
bool plan_elf(const LoadJob& job, const ElfKernel& elf, u64 shift);

}  // namespace ringside
