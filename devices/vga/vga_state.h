// Owns the registers of the VGA and of its Bochs extension, as they are saved, and what a mode means in dots.
#pragma once

#include <array>

#include "cpu/arch/fields.h"

namespace ringside {

// The Bochs display interface: modes that the VGA's own registers cannot express, in a linear framebuffer.
struct Dispi {
  enum Register : u16 { id, width, height, depth, enable, bank, virtual_width, virtual_height, x, y, memory };
  static constexpr u16 registers = 11;
  static constexpr u16 newest_id = 0xb0c5, oldest_id = 0xb0c0;
  struct Enable {
    enum : u16 { on = 1, capabilities = 2, dac_8_bits = 0x20, linear = 0x40, keep_memory = 0x80 };
  };
  u16 index = 0;
  std::array<u16, registers> values{newest_id};

  bool enabled() const { return (values[enable] & Enable::on) != 0; }
  bool operator==(const Dispi&) const = default;
};

// Register files are named as IBM's manual of the VGA names them; their numbers are the index registers'.
// Memory is kept as the planes lie side by side: byte 4n + p is byte n of plane p.
struct VgaState {
  static constexpr u64 memory_bytes = u64{16} << 20;

  u8 miscellaneous = 0, feature = 0;
  u8 sequencer_index = 0, graphics_index = 0, crtc_index = 0, attribute_index = 0;
  bool attribute_data = false;  // the next write to port 3C0H is data
  std::array<u8, 8> sequencer{};
  std::array<u8, 16> graphics{};
  std::array<u8, 32> crtc{};
  std::array<u8, 32> attribute{};
  std::array<u8, 768> palette{};  // red, green, blue; 6 bits, or 8 where the DAC is switched to them
  u8 dac_mask = 0xff, dac_read = 0, dac_write = 0, dac_step = 0;
  bool dac_reading = false;
  u32 latch = 0;  // a byte of each plane
  Dispi dispi;

  bool chain4() const { return (sequencer[4] & 8) != 0; }
  bool odd_even() const { return (graphics[5] & 0x10) != 0; }
  bool text() const { return !dispi.enabled() && (graphics[6] & 1) == 0; }
  // Nothing is shown: the palette is the CPU's, or the screen is switched off.
  bool blank() const { return (attribute_index & 0x20) == 0 || (sequencer[1] & 0x20) != 0; }
  bool dac_8_bits() const { return (dispi.values[Dispi::enable] & Dispi::Enable::dac_8_bits) != 0; }

  // In character clocks and scan lines, as the CRTC counts.
  unsigned columns() const { return crtc[1] + 1u; }
  unsigned lines() const { return (crtc[0x12] | (crtc[7] & 2u) << 7 | (crtc[7] & 0x40u) << 3) + 1; }
  unsigned row_height() const { return (crtc[9] & 0x1fu) + 1; }
  unsigned dots_of_character() const { return sequencer[1] & 1 ? 8 : 9; }
  unsigned start() const { return crtc[0x0c] << 8 | crtc[0x0d]; }  // in bytes of a plane
  unsigned pitch() const { return crtc[0x13] * 2u; }               // the same, from row to row
  unsigned cursor() const { return crtc[0x0e] << 8 | crtc[0x0f]; }
  unsigned line_compare() const { return crtc[0x18] | (crtc[7] & 0x10u) << 4 | (crtc[9] & 0x40u) << 3; }

  void fields(Fields& visit);
  bool operator==(const VgaState&) const = default;
};

}  // namespace ringside
