// Owns what firmware would have left behind when a kernel is booted without it: memory map, memory types, the
// BIOS data area.
#include <algorithm>
#include <span>

#include "frontend/machine/boot.h"
#include "frontend/machine/load_protocols.h"

namespace ringside {
namespace {

constexpr u64 conventional_end = 0x9fc00;  // the extended BIOS data area follows, 1 KiB
constexpr u64 vga_start = 0xa0000, bios_start = 0xe0000, extended_start = 0x100000;
constexpr u64 flash_start = 0xfffc0000, flash_end = u64{1} << 32;

constexpr u64 type_wb = 6, type_wp = 5;
constexpr u64 every(u64 type) { return type * 0x0101010101010101; }

// Some kernels go back to real mode and ask the BIOS for disks and video modes (Xen does). Every service
// answers that it is not there: carry set, AH = 86h. Exceptions only return. Interrupts are acknowledged, and
// those of the timer counted at 40:6C.
void write_bios_services(PhysicalMemory& memory) {
  constexpr u64 segment = 0xf000, returns = 0xff53;
  static constexpr u8 iret[] = {0xcf};
  static constexpr u8 refuse[] = {0x55,                        // push bp
                                  0x89, 0xe5,                  // mov bp, sp
                                  0x80, 0x4e, 0x06, 0x01,      // or byte [bp+6], 1: CF in the caller's flags
                                  0x5d,                        // pop bp
                                  0xb4, 0x86, 0xcf};           // mov ah, 86h; iret
  static constexpr u8 irq[] = {0x50,                           // push ax
                               0xb0, 0x20, 0xe6, 0x20,         // mov al, 20h; out 20h, al
                               0x58, 0xcf};                    // pop ax; iret
  static constexpr u8 second_irq[] = {0x50,                    // push ax
                                      0xb0, 0x20, 0xe6, 0xa0,  // mov al, 20h; out a0h, al
                                      0xe6, 0x20,              // out 20h, al
                                      0x58, 0xcf};             // pop ax; iret
  static constexpr u8 tick[] = {0x50, 0x1e,                    // push ax; push ds
                                0x31, 0xc0, 0x8e, 0xd8,        // xor ax, ax; mov ds, ax
                                0x66, 0xff, 0x06, 0x6c, 0x04,  // inc dword [46ch]
                                0xb0, 0x20, 0xe6, 0x20,        // mov al, 20h; out 20h, al
                                0x1f, 0x58, 0xcf};             // pop ds; pop ax; iret
  u64 next = returns;
  const auto place = [&](std::span<const u8> code) {
    const u64 at = next;
    memory.write_block(HostPhys((segment << 4) + at), code.data(), code.size());
    next += code.size();
    return at;
  };
  const u64 returning = place(iret), refusing = place(refuse), irq_done = place(irq),
            second_irq_done = place(second_irq), counting = place(tick);
  for (u64 vector = 0; vector < 256; ++vector) {
    const bool service = vector >= 0x10 && vector < 0x70;
    const u64 handler = vector == 8                       ? counting
                        : vector > 8 && vector < 16       ? irq_done
                        : vector >= 0x70 && vector < 0x78 ? second_irq_done
                        : service                         ? refusing
                                                          : returning;
    memory.write(HostPhys(4 * vector), 4, segment << 16 | handler);
  }
}

}  // namespace

std::vector<MemoryRange> standard_memory_map(u64 ram_bytes) {
  const u64 low = std::min(ram_bytes, low_ram_limit);
  std::vector<MemoryRange> map{{0, conventional_end, 1},
                               {conventional_end, vga_start - conventional_end, 2},
                               {bios_start, extended_start - bios_start, 2}};
  if (low > extended_start) map.push_back({extended_start, low - extended_start, 1});
  map.push_back({flash_start, flash_end - flash_start, 2});
  if (ram_bytes > low) map.push_back({flash_end, ram_bytes - low, 1});
  return map;
}

// Source: "Memory Cache Control", "Memory Type Range Registers (MTRRs)".
void set_memory_types(Cpu& cpu) {
  if (cpu.model == nullptr || !cpu.model->has(Flag::mtrr)) return;
  auto& fixed = cpu.msr.mtrr_fixed;
  fixed.fill(every(type_wp));  // 0xc0000..0xfffff
  fixed[0] = fixed[1] = every(type_wb);
  fixed[2] = 0;  // 0xa0000..0xbffff
  cpu.msr.mtrr_variable.fill(0);
  cpu.msr.mtrr_variable[0] = low_ram_limit;
  cpu.msr.mtrr_variable[1] =
      (bit_range(0, cpu.model->physical_bits - 1) & ~(flash_end - low_ram_limit - 1)) | bit(11);
  cpu.msr.mtrr_def_type = bit(11) | bit(10) | type_wb;
}

void write_bios_data(PhysicalMemory& memory, bool text_screen) {
  write_bios_services(memory);
  memory.write(HostPhys(0x400), 2, 0x3f8);                  // COM1
  memory.write(HostPhys(0x40e), 2, conventional_end >> 4);  // segment of the extended BIOS data area
  memory.write(HostPhys(0x413), 2, conventional_end >> 10);
  memory.write(HostPhys(conventional_end), 1, 1);  // its size in KiB
  if (!text_screen) return;
  memory.write(HostPhys(0x449), 1, 3);      // the video mode
  memory.write(HostPhys(0x44a), 2, 80);     // columns
  memory.write(HostPhys(0x44c), 2, 4096);   // bytes of a page
  memory.write(HostPhys(0x463), 2, 0x3d4);  // the CRTC
  memory.write(HostPhys(0x484), 1, 24);     // rows, less one
  memory.write(HostPhys(0x485), 2, 16);     // lines of a row
}

}  // namespace ringside
