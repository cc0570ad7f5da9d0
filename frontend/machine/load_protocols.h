// Owns the loaders' inner interface: one recogniser and one loader for each boot protocol.
#pragma once

#include "frontend/machine/load_image.h"
#include "frontend/machine/load_plan.h"

namespace ringside {

// What every loader is given. On success the plan holds all that is to be written and the entry says
// with which registers the kernel starts; nothing has been touched before.
struct LoadJob {
  const Image& kernel;
  const BootRequest& request;
  LoadPlan& plan;
  std::string& error;

  // For `return job.fail(...)`: prefixes the kernel's file name.
  bool fail(const std::string& words) const {
    error = kernel.name + ": " + words;
    return false;
  }
};

struct Entry {
  bool bits64 = false;
  u16 code = 0, data = 0, tss = 0;
  u64 gdt = 0, rip = 0, cr3 = 0;
  u64 rax = 0, rbx = 0, rsi = 0;
};

bool is_linux(const Image& image);
bool load_linux(const LoadJob& job, Entry& entry);
bool is_multiboot1(const Image& image);
bool load_multiboot1(const LoadJob& job, Entry& entry);
bool is_multiboot2(const Image& image);
bool load_multiboot2(const LoadJob& job, Entry& entry);
bool load_pvh(const LoadJob& job, Entry& entry);  // of an ELF

// Memory below 640 KiB, and from 1 MiB to the first hole.
u32 lower_memory_kib(const BootPlatform& platform);
u32 upper_memory_kib(const BootPlatform& platform);

void write_bios_data(PhysicalMemory& memory, bool text_screen);

}  // namespace ringside
