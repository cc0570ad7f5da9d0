// Owns multiboot 1. Source: "Multiboot Specification version 0.6.96".
#include <algorithm>

#include <fmt/format.h>

#include "frontend/machine/acpi_bytes.h"
#include "frontend/machine/load_elf.h"
#include "frontend/machine/load_entry.h"
#include "frontend/machine/load_modules.h"

namespace ringside {
namespace {

constexpr u32 header_magic = 0x1badb002, entry_magic = 0x2badb002;
constexpr u64 search_bytes = 8192, header_bytes = 12, address_fields_bytes = 32;
// Bits 0 to 15 of the header's flags are demands. Modules are page-aligned and memory is told in any case;
// the wish for a video mode is not fulfilled, as in QEMU.
constexpr u32 known_demands = 0x7, demands = 0xffff, has_addresses = 1u << 16;

std::optional<u64> find_header(const Image& image) {
  for (u64 at = 0; at + header_bytes <= std::min(image.size(), search_bytes); at += 4) {
    if (image.at<u32>(at) != header_magic) continue;
    if (static_cast<u32>(header_magic + image.at<u32>(at + 4) + image.at<u32>(at + 8)) == 0) return at;
  }
  return std::nullopt;
}

// The addresses in the header say what to load: any file format will do.
bool plan_by_addresses(const LoadJob& job, u64 header, u64& entry, u64& end) {
  const Image& k = job.kernel;
  if (!k.covers(header, address_fields_bytes))
    return job.fail("is cut short: it ends inside its multiboot header; get the whole file");
  const u64 header_address = k.at<u32>(header + 12), start = k.at<u32>(header + 16);
  const u64 load_end = k.at<u32>(header + 20), bss_end = k.at<u32>(header + 24);
  entry = k.at<u32>(header + 28);
  if (header_address < start || header_address - start > header)
    return job.fail("has a wrong multiboot header: its load address lies before the start of the file");
  const u64 offset = header - (header_address - start);
  if (load_end != 0 && load_end < start)
    return job.fail("has a wrong multiboot header: the end of its load area lies before the start");
  const u64 file_bytes = load_end != 0 ? load_end - start : k.size() - offset;
  if (!k.covers(offset, file_bytes))
    return job.fail(
        fmt::format("is cut short: its multiboot header wants {} bytes from {:#x} on, the file has {}; get "
                    "the whole file",
                    file_bytes, offset, k.size()));
  const u64 memory_bytes = bss_end != 0 ? bss_end - start : file_bytes;
  if (bss_end != 0 && (bss_end < start || memory_bytes < file_bytes))
    return job.fail("has a wrong multiboot header: its bss ends before its data");
  std::string problem;
  if (!job.plan.claim(start, memory_bytes, "the kernel", problem))
    return job.fail(problem + "; give the machine more memory with -m or link the kernel elsewhere");
  job.plan.put_view(start, k.bytes.data() + offset, file_bytes);
  job.plan.zero(start + file_bytes, memory_bytes - file_bytes);
  end = start + memory_bytes;
  return true;
}

bool plan_image(const LoadJob& job, u64 header, u64& entry, u64& end) {
  const u32 flags = job.kernel.at<u32>(header + 4);
  if ((flags & demands & ~known_demands) != 0)
    return job.fail(fmt::format(
        "demands multiboot features that do not exist (flags {:#x}); build it without them", flags));
  if (flags & has_addresses) return plan_by_addresses(job, header, entry, end);
  if (!is_elf(job.kernel))
    return job.fail("has a multiboot header without addresses, but is no ELF; link it as one");
  ElfKernel elf;
  if (!read_elf(job, elf) || !plan_elf(job, elf, 0)) return false;
  entry = elf.entry;
  end = elf.end;
  return true;
}

}  // namespace

bool is_multiboot1(const Image& image) { return find_header(image).has_value(); }

bool load_multiboot1(const LoadJob& job, Entry& entry) {
  constexpr u32 memory = 1, boot_device = 2, command_line = 4, with_modules = 8, memory_map = 64,
                loader_name = 512;
  u64 rip = 0, end = 0;
  if (!plan_image(job, *find_header(job.kernel), rip, end)) return false;

  LoadPlan& plan = job.plan;
  const BootPlatform& platform = plan.platform();
  TableBytes map, list;
  for (const MemoryRange& r : platform.memory_map) map.add<u32>(20).add(r.base).add(r.bytes).add(r.type);
  const auto line_at = plan.place_string(command_line_with_name(job), "the command line");
  const auto name_at = plan.place_string("Ringside", "the loader's name");
  const auto map_at = plan.place(map.bytes(), 16, "the memory map");
  const auto gdt_at = plan.place(flat_gdt(multiboot_selectors, false), 16, "the boot GDT");
  std::vector<LoadedModule> modules;
  if (!load_modules(job, end, modules)) return false;
  for (const LoadedModule& m : modules)
    list.add(static_cast<u32>(m.address))
        .add(static_cast<u32>(m.address + m.bytes))
        .add(static_cast<u32>(m.command_line))
        .add<u32>(0);
  const auto list_at = plan.place(list.bytes(), 16, "the list of modules");
  constexpr u64 info_bytes = 116;
  if (!line_at || !name_at || !map_at || !gdt_at || !list_at)
    return job.fail("leaves no room for the multiboot information; give the machine more memory with -m");

  TableBytes info;
  info.add<u32>(memory | boot_device | command_line | with_modules | memory_map | loader_name);
  info.add(lower_memory_kib(platform)).add(upper_memory_kib(platform));
  info.add<u32>(0x8000ffff);  // the first hard disk, no partition: what QEMU says
  info.add(static_cast<u32>(*line_at));
  info.add(static_cast<u32>(modules.size())).add(static_cast<u32>(modules.empty() ? 0 : *list_at));
  info.zeros(16);
  info.add(static_cast<u32>(map.size())).add(static_cast<u32>(*map_at));
  info.zeros(12).add(static_cast<u32>(*name_at));
  info.zeros(info_bytes - info.size());
  const auto info_at = plan.place(info.bytes(), 16, "the multiboot information");
  if (!info_at)
    return job.fail("leaves no room for the multiboot information; give the machine more memory with -m");

  entry = {.code = multiboot_selectors.code,
           .data = multiboot_selectors.data,
           .gdt = *gdt_at,
           .rip = rip,
           .rax = entry_magic,
           .rbx = *info_at};
  return true;
}

u32 lower_memory_kib(const BootPlatform& platform) {
  for (const MemoryRange& r : platform.memory_map)
    if (r.type == 1 && r.base == 0) return static_cast<u32>(std::min<u64>(r.bytes, 0xa0000) >> 10);
  return 0;
}

u32 upper_memory_kib(const BootPlatform& platform) {
  for (const MemoryRange& r : platform.memory_map)
    if (r.type == 1 && r.base == 0x100000) return static_cast<u32>(r.bytes >> 10);
  return 0;
}

}  // namespace ringside
