// Owns the PVH boot protocol: an ELF with Xen's note, and the start information.
// Source: Xen's "x86/HVM direct boot ABI".
#include <fmt/format.h>

#include "frontend/machine/acpi_bytes.h"
#include "frontend/machine/load_elf.h"
#include "frontend/machine/load_entry.h"
#include "frontend/machine/load_modules.h"

namespace ringside {

bool load_pvh(const LoadJob& job, Entry& entry) {
  constexpr u32 start_magic = 0x336ec578, version = 1;
  ElfKernel elf;
  if (!read_elf(job, elf)) return false;
  if (!elf.pvh_entry)
    return job.fail("is an ELF without a multiboot header or PVH note; give a bzImage, or link a header in");
  if (!plan_elf(job, elf, 0)) return false;
  if (*elf.pvh_entry < elf.start || *elf.pvh_entry >= elf.end)
    return job.fail(fmt::format("has a PVH note whose entry {:#x} lies outside the kernel", *elf.pvh_entry));

  LoadPlan& plan = job.plan;
  const BootPlatform& platform = plan.platform();
  std::vector<LoadedModule> modules;
  const auto line_at = plan.place_string(job.request.append, "the command line");
  const auto gdt_at = plan.place(flat_gdt(pvh_selectors, false), 16, "the boot GDT");
  if (!load_modules(job, elf.end, modules)) return false;
  TableBytes list, map;
  for (const LoadedModule& m : modules) list.add(m.address).add(m.bytes).add(m.command_line).add<u64>(0);
  for (const MemoryRange& r : platform.memory_map) map.add(r.base).add(r.bytes).add(r.type).add<u32>(0);
  const auto list_at = plan.place(list.bytes(), 16, "the list of modules");
  const auto map_at = plan.place(map.bytes(), 16, "the memory map");
  if (!line_at || !gdt_at || !list_at || !map_at)
    return job.fail("leaves no room for the start information; give the machine more memory with -m");

  TableBytes start;
  start.add(start_magic).add(version).add<u32>(0).add(static_cast<u32>(modules.size()));
  start.add<u64>(modules.empty() ? 0 : *list_at).add(*line_at).add(platform.rsdp).add(*map_at);
  start.add(static_cast<u32>(platform.memory_map.size())).add<u32>(0);
  const auto start_at = plan.place(start.bytes(), 16, "the start information");
  if (!start_at)
    return job.fail("leaves no room for the start information; give the machine more memory with -m");

  entry = {.code = pvh_selectors.code,
           .data = pvh_selectors.data,
           .tss = pvh_selectors.tss,
           .gdt = *gdt_at,
           .rip = *elf.pvh_entry,
           .rbx = *start_at};
  return true;
}

}  // namespace ringside
