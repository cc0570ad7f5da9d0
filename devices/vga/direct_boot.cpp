// Owns the writes of a video BIOS that a directly booted kernel relies on.
#include "devices/vga/direct_boot.h"

#include "devices/vga/vga_state.h"

namespace ringside {

void prepare_vga_for_direct_boot(PciFunction& vga) {
  constexpr u8 bar_0 = 0x10, bar_2 = 0x18;
  vga.config_write(bar_0, 4, direct_boot_framebuffer);
  vga.config_write(bar_2, 4, direct_boot_vga_registers);
  vga.config_write(PciCommand::offset, 2, PciCommand::decode_io | PciCommand::decode_memory);
}

void enter_linear_mode(PortSpace& ports, const LinearMode& mode) {
  constexpr u16 index = 0x1ce, data = 0x1cf;
  const auto set = [&](Dispi::Register which, u16 value) {
    ports.port_write(index, 2, which);
    ports.port_write(data, 2, value);
  };
  set(Dispi::enable, 0);
  set(Dispi::width, mode.width);
  set(Dispi::height, mode.height);
  set(Dispi::depth, mode.depth);
  set(Dispi::enable, Dispi::Enable::on | Dispi::Enable::linear);
}

}  // namespace ringside
