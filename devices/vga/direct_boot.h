// Owns what firmware leaves of the graphics card to a kernel that is booted without it: its memory in the
// address space, and a framebuffer if the kernel was promised one.
#pragma once

#include "cpu/arch/seams.h"
#include "devices/pci/pci_function.h"

namespace ringside {

// Where BAR 0 and BAR 2 of the card lie: as SeaBIOS places them, at the end of PCI's memory window.
constexpr u32 direct_boot_framebuffer = 0xfd000000, direct_boot_vga_registers = 0xfebf0000;
void prepare_vga_for_direct_boot(PciFunction& vga);

// A mode of the Bochs display interface; `depth` in bits of a dot: 8, 15, 16, 24 or 32.
struct LinearMode {
  u16 width = 0, height = 0, depth = 0;
};
// By the card's ports, as its BIOS would.
void enter_linear_mode(PortSpace& ports, const LinearMode& mode);

}  // namespace ringside
