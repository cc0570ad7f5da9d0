// Owns the choice of boot protocol by a kernel's content, and carrying the chosen loader's plan out.
#include <fmt/format.h>

#include "frontend/machine/load_entry.h"
#include "frontend/machine/load_protocols.h"

namespace ringside {

bool load_kernel(const BootRequest& request, const BootPlatform& platform, std::string& error) {
  LoadPlan plan(platform);
  Image kernel;
  if (!read_image(request.kernel, "kernel", plan.ram_bytes(), kernel, error)) return false;

  const LoadJob job{kernel, request, plan, error};
  Entry entry;
  bool loaded = false;
  if (is_linux(kernel))
    loaded = load_linux(job, entry);
  else
    return job.fail("is no kernel that can be booted; give a Linux bzImage, a multiboot image or a PVH ELF");
  if (!loaded) return false;

  write_bios_data(*platform.memory);
  plan.commit();
  Cpu& cpu = *platform.bsp;
  set_memory_types(cpu);
  const FlatSelectors selectors{entry.code, entry.data, entry.tss};
  if (entry.bits64)
    enter_64_bit_mode(cpu, selectors, entry.gdt, entry.rip, entry.cr3);
  else
    enter_protected_mode(cpu, selectors, entry.gdt, entry.rip);
  cpu.gpr[RAX] = entry.rax;
  cpu.gpr[RBX] = entry.rbx;
  cpu.gpr[RSI] = entry.rsi;
  return true;
}

}  // namespace ringside
