// Owns the choice of boot protocol by a kernel's content, and carrying the chosen loader's plan out.
#include <cstring>

#include "frontend/machine/load_elf.h"
#include "frontend/machine/load_entry.h"
#include "frontend/machine/load_protocols.h"

namespace ringside {
namespace {

// Words for files that people give by mistake.
std::string why_not(const Image& image) {
  struct Known {
    u64 offset;
    std::string_view magic, words;
  };
  static constexpr Known known[] = {
      {0, "\x1f\x8b", "is compressed with gzip; unpack it with gunzip"},
      {0,
       "\xfd"
       "7zXZ",
       "is compressed with xz; unpack it with unxz"},
      {0, "\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it with unzstd"},
      {0, "BZh", "is compressed with bzip2; unpack it with bunzip2"},
      {0x38, "ARM\x64", "is a Linux kernel for AArch64; give one for x86"},
      {0x38, "RSC\x05", "is a Linux kernel for RISC-V; give one for x86"},
      {0x8001, "CD001", "is a CD image; give it with -cdrom"},
      {0, "07070", "is a cpio archive; give it with -initrd"},
      {0, "!<arch>", "is a library or package; give a kernel"},
  };
  for (const Known& k : known)
    if (image.covers(k.offset, k.magic.size()) &&
        std::memcmp(image.bytes.data() + k.offset, k.magic.data(), k.magic.size()) == 0)
      return std::string(k.words);
  return "is no kernel that can be booted; give a Linux bzImage, a multiboot image or a PVH ELF";
}

}  // namespace

bool load_kernel(const BootRequest& request, const BootPlatform& platform, std::string& error) {
  LoadPlan plan(platform);
  Image kernel;
  if (!read_image(request.kernel, "kernel", plan.ram_bytes(), kernel, error)) return false;

  const LoadJob job{kernel, request, plan, error};
  Entry entry;
  bool loaded = false;
  if (is_linux(kernel))
    loaded = load_linux(job, entry);
  else if (is_multiboot1(kernel))
    loaded = load_multiboot1(job, entry);
  else if (is_multiboot2(kernel))
    loaded = load_multiboot2(job, entry);
  else if (is_elf(kernel))
    loaded = load_pvh(job, entry);
  else
    return job.fail(why_not(kernel));
  if (!loaded) return false;

  // The protocols promise no stack, but loaders have always left theirs, and kernels push before they have
  // their own.
  constexpr u64 stack_bytes = 4096;
  const auto stack = plan.place(std::vector<u8>(stack_bytes), 16, "a stack");
  if (!stack) return job.fail("leaves no room for a stack; give the machine more memory with -m");

  write_bios_data(*platform.memory, platform.text_screen);
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
  cpu.gpr[RSP] = *stack + stack_bytes;
  return true;
}

}  // namespace ringside
