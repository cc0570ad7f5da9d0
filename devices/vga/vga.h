// Owns the graphics card: a VGA with the Bochs display interface, as QEMU's "std" card presents itself on
// PCI.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "devices/mmio_window.h"
#include "devices/pci/pci_function.h"
#include "devices/vga/vga_state.h"
#include "mmu/physical_memory.h"

namespace ringside {

// BAR 0 shows all of its memory as RAM, BAR 2 its registers and the EDID. Retraces follow from the registers
// and the clock: no timer runs, and there is no retrace interrupt. Every reset leaves text mode 3 with a
// palette and a font, as the card's own BIOS would: guests without firmware need do nothing to write there.
// Sources: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"; Bochs' VBE_DISPI interface;
// QEMU's docs/specs/standard-vga.
class Vga final : public PciFunction {
 public:
  static constexpr unsigned device = 2, function = 0;
  static constexpr std::string_view option_name = "VGA";
  static constexpr HostPhys window{0xa0000};
  static constexpr u64 window_bytes = 0x20000, register_bytes = 0x1000;

  // `rom`: what its expansion ROM holds, at most 64 KiB; empty: it has none.
  Vga(PhysicalMemory& memory, const Clock& clock, std::vector<u8> rom);
  ~Vga() override;

  // For looking. The memory's planes lie side by side: see VgaState.
  const VgaState& state() const { return state_; }
  const u8* video_memory() const { return bytes_; }
  HostPhys video_ram() const { return ram_; }
  // Moves with each write through the registers or the VGA's window.
  u64 changes() const { return changes_; }
  // Virtual time in frames of the present mode: blinking follows it.
  u64 frames() const;

  Description describe() const override { return {"VGA", "graphics card, with Bochs' VBE", option_name}; }
  void places(Places& at) override;
  void fields(Fields& fields) override;

 private:
  struct Range final : PortDevice {
    Range(Vga& card, u16 first_port) : vga(card), first(first_port) {}
    u32 io_read(u16 offset, unsigned) override { return vga.port_in(static_cast<u16>(first + offset)); }
    void io_write(u16 offset, unsigned, u32 value) override {
      vga.port_out(static_cast<u16>(first + offset), static_cast<u8>(value));
    }
    Vga& vga;
    u16 first;
  };
  struct DispiPorts final : PortDevice {
    explicit DispiPorts(Vga& card) : vga(card) {}
    u32 io_read(u16 offset, unsigned) override;
    void io_write(u16 offset, unsigned, u32 value) override;
    Vga& vga;
  };
  struct Registers final : MmioDevice {
    explicit Registers(Vga& card) : vga(card) {}
    u64 mmio_read(u64 offset, unsigned size) override;
    void mmio_write(u64 offset, unsigned size, u64 value) override;
    Vga& vga;
  };
  struct Frame {
    u64 ticks = 1;  // one frame
    unsigned lines = 1, shown = 1, retrace_start = 0, retrace_end = 0;
  };

  void device_reset() override;
  void enter_text_mode();
  void bar_mapped(unsigned index, bool decoded, u64 address) override;

  // vga_ports.cpp
  u8 port_in(u16 port);
  void port_out(u16 port, u8 value);
  bool answers(u16 port) const;
  u8 color_in(u16 port);
  void color_out(u16 port, u8 value);
  void attribute_out(u8 value);
  void crtc_out(u8 value);
  u8 status();
  Frame frame() const;
  void dispi_write(u16 index, u16 value);
  u16 dispi_read(u16 index) const;
  void enter_dispi_mode(bool clear);
  void limit_dispi();

  u8 window_in(u32 offset);
  void window_out(u32 offset, u8 value);
  u8 register_in(u32 offset);
  u8 rom_in(u32 offset) { return offset < rom_.size() ? rom_[offset] : u8{0xff}; }
  void rom_out(u32, u8) {}

  u32 four(u32 place) const;
  void put(u32 place, const void* bytes, u32 count);

  PhysicalMemory& memory_;
  const Clock& clock_;
  std::vector<u8> rom_;
  std::array<u8, 128> edid_;
  HostPhys ram_;
  const u8* bytes_ = nullptr;
  VgaState state_;
  u64 changes_ = 0;
  Range mono_crtc_, mono_status_, common_, color_crtc_, color_status_;
  DispiPorts dispi_ports_;
  Registers registers_;
  MmioWindow<Vga> window_, rom_window_;
};

}  // namespace ringside
