// Owns the registers of the graphics card: the VGA's files behind their index ports, its palette and
// retraces, and the Bochs display interface.
#include <algorithm>
#include <utility>

#include "devices/vga/vga.h"

namespace ringside {
namespace {

// Which bits of the registers are there.
constexpr std::array<u8, 8> sequencer_bits{0x03, 0x3d, 0x0f, 0x3f, 0x0e};
constexpr std::array<u8, 16> graphics_bits{0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
constexpr unsigned crtc_registers = 0x19, attribute_registers = 0x15;

constexpr unsigned most_width = 16000, most_height = 12000, deepest = 32;

}  // namespace

// --- The VGA ---

// The CRTC and the status answer at 3B4H.. or at 3D4H.., as the miscellaneous output register says.
bool Vga::answers(u16 port) const {
  const bool color = (state_.miscellaneous & 1) != 0;
  return port >= 0x3d0 ? color : port >= 0x3c0 || !color;
}

u8 Vga::port_in(u16 port) {
  if (!answers(port)) return 0xff;
  switch (port) {
    case 0x3b4:
    case 0x3d4: return state_.crtc_index;
    case 0x3b5:
    case 0x3d5: return state_.crtc_index < crtc_registers ? state_.crtc[state_.crtc_index] : u8{0};
    case 0x3ba:
    case 0x3da: state_.attribute_data = false; return status();
    case 0x3c0: return state_.attribute_data ? u8{0} : state_.attribute_index;
    case 0x3c1: return state_.attribute[state_.attribute_index & 0x1f];
    case 0x3c2: return 0x10;  // a colour monitor is there
    case 0x3c4: return state_.sequencer_index;
    case 0x3c5: return state_.sequencer[state_.sequencer_index & 7];
    case 0x3ca: return state_.feature;
    case 0x3cc: return state_.miscellaneous;
    case 0x3ce: return state_.graphics_index;
    case 0x3cf: return state_.graphics[state_.graphics_index & 15];
    default: return color_in(port);
  }
}

void Vga::port_out(u16 port, u8 value) {
  if (!answers(port)) return;
  ++changes_;
  switch (port) {
    case 0x3b4:
    case 0x3d4: state_.crtc_index = value; return;
    case 0x3b5:
    case 0x3d5: return crtc_out(value);
    case 0x3ba:
    case 0x3da: state_.feature = value & 0x10; return;
    case 0x3c0: return attribute_out(value);
    case 0x3c2: state_.miscellaneous = value & 0xef; return;
    case 0x3c4: state_.sequencer_index = value & 7; return;
    case 0x3c5:
      state_.sequencer[state_.sequencer_index] = value & sequencer_bits[state_.sequencer_index];
      return;
    case 0x3ce: state_.graphics_index = value & 15; return;
    case 0x3cf: state_.graphics[state_.graphics_index] = value & graphics_bits[state_.graphics_index]; return;
    default: return color_out(port, value);
  }
}

void Vga::attribute_out(u8 value) {
  const bool data = std::exchange(state_.attribute_data, !state_.attribute_data);
  if (!data) {
    state_.attribute_index = value & 0x3f;
    return;
  }
  const unsigned index = state_.attribute_index & 0x1f;
  if (index >= attribute_registers) return;
  const u8 bits = index < 16      ? 0x3f
                  : index == 0x10 ? 0xef
                  : index == 0x11 ? 0xff
                  : index == 0x12 ? 0x3f
                                  : 0x0f;
  state_.attribute[index] = value & bits;
}

void Vga::crtc_out(u8 value) {
  if (state_.crtc_index >= crtc_registers) return;
  u8& reg = state_.crtc[state_.crtc_index];
  const bool locked = (state_.crtc[0x11] & 0x80) != 0 && state_.crtc_index <= 7;
  if (!locked)
    reg = value;
  else if (state_.crtc_index == 7)
    reg = static_cast<u8>((reg & ~0x10) | (value & 0x10));  // the line compare's bit is never locked
}

u8 Vga::color_in(u16 port) {
  switch (port) {
    case 0x3c6: return state_.dac_mask;
    case 0x3c7: return state_.dac_reading ? 3 : 0;
    case 0x3c8: return state_.dac_write;
    case 0x3c9: {
      const u8 value = state_.palette[state_.dac_read * 3u + state_.dac_step];
      if (++state_.dac_step == 3) {
        state_.dac_step = 0;
        ++state_.dac_read;
      }
      return value;
    }
    default: return 0xff;
  }
}

void Vga::color_out(u16 port, u8 value) {
  switch (port) {
    case 0x3c6: state_.dac_mask = value; return;
    case 0x3c7:
      state_.dac_read = value;
      state_.dac_step = 0;
      state_.dac_reading = true;
      return;
    case 0x3c8:
      state_.dac_write = value;
      state_.dac_step = 0;
      state_.dac_reading = false;
      return;
    case 0x3c9:
      state_.palette[state_.dac_write * 3u + state_.dac_step] = state_.dac_8_bits() ? value : value & 0x3f;
      if (++state_.dac_step == 3) {
        state_.dac_step = 0;
        ++state_.dac_write;
      }
      return;
    default: return;
  }
}

// --- Retraces ---

Vga::Frame Vga::frame() const {
  constexpr u64 slow_dots = 25'175'000, fast_dots = 28'322'000;
  const auto& crtc = state_.crtc;
  const unsigned across = (crtc[0] + 5u) * state_.dots_of_character() * (state_.sequencer[1] & 8 ? 2 : 1);
  Frame frame;
  frame.lines = (crtc[6] | (crtc[7] & 1u) << 8 | (crtc[7] & 0x20u) << 4) + 2;
  frame.shown = state_.lines();
  frame.retrace_start = crtc[0x10] | (crtc[7] & 4u) << 6 | (crtc[7] & 0x80u) << 2;
  // Of the end only the low four bits are there.
  frame.retrace_end = frame.retrace_start + (((crtc[0x11] & 15u) - frame.retrace_start) & 15);
  const u64 dots = (state_.miscellaneous & 0x0c) == 0x04 ? fast_dots : slow_dots;
  frame.ticks = clock_.ticks_of(u64{across} * frame.lines, dots);
  const bool nonsense = frame.shown >= frame.lines || frame.retrace_start >= frame.lines || across < 100;
  if (state_.dispi.enabled() || nonsense) frame = {clock_.frequency() / 60, 525, 480, 490, 492};
  frame.ticks = std::max<u64>(frame.ticks, 1);
  return frame;
}

u64 Vga::frames() const { return clock_.now() / frame().ticks; }

// Bit 0: nothing is shown, be it between two lines or below the last; bit 3: the vertical retrace.
u8 Vga::status() {
  const Frame now = frame();
  const u64 place =
      static_cast<u64>(static_cast<u128>(clock_.now() % now.ticks) * now.lines * 100 / now.ticks);
  const unsigned line = static_cast<unsigned>(place / 100), percent = static_cast<unsigned>(place % 100);
  const bool between = percent >= 80;  // the part of a line that is shown, nearly the same in all modes
  const bool retrace = line >= now.retrace_start && line < now.retrace_end;
  return static_cast<u8>((line >= now.shown || between ? 1 : 0) | (retrace ? 8 : 0));
}

// --- The Bochs display interface ---

u32 Vga::DispiPorts::io_read(u16 offset, unsigned size) {
  const u16 value = offset == 0 ? vga.state_.dispi.index : vga.dispi_read(vga.state_.dispi.index);
  return size == 1 ? value & 0xffu : value;
}

void Vga::DispiPorts::io_write(u16 offset, unsigned, u32 value) {
  if (offset == 0)
    vga.state_.dispi.index = static_cast<u16>(value);
  else
    vga.dispi_write(vga.state_.dispi.index, static_cast<u16>(value));
}

u16 Vga::dispi_read(u16 index) const {
  const Dispi& dispi = state_.dispi;
  if (index >= Dispi::registers) return 0;
  if (dispi.values[Dispi::enable] & Dispi::Enable::capabilities) {
    if (index == Dispi::width) return most_width;
    if (index == Dispi::height) return most_height;
    if (index == Dispi::depth) return deepest;
  }
  return dispi.values[index];
}

void Vga::dispi_write(u16 index, u16 value) {
  auto& values = state_.dispi.values;
  ++changes_;
  switch (index) {
    case Dispi::id:
      if (value >= Dispi::oldest_id && value <= Dispi::newest_id) values[index] = value;
      return;
    case Dispi::enable: {
      const bool begins = (value & Dispi::Enable::on) != 0 && !state_.dispi.enabled();
      values[index] = value & 0x01ff;
      if (begins) enter_dispi_mode((value & Dispi::Enable::keep_memory) == 0);
      if ((value & Dispi::Enable::on) == 0) values[Dispi::bank] = 0;
      return;
    }
    case Dispi::bank: values[index] = static_cast<u16>(value & ((VgaState::memory_bytes >> 16) - 1)); return;
    case Dispi::width:
    case Dispi::height:
    case Dispi::depth:
    case Dispi::virtual_width:
    case Dispi::x:
    case Dispi::y:
      values[index] = value;
      if (state_.dispi.enabled()) limit_dispi();
      return;
    default: return;
  }
}

// What is shown lies inside the memory, whatever was written.
void Vga::limit_dispi() {
  auto& values = state_.dispi.values;
  const auto limit = [&](Dispi::Register which, u64 least, u64 most) {
    values[which] = static_cast<u16>(std::clamp<u64>(values[which], least, std::max(least, most)));
  };
  u16& depth = values[Dispi::depth];
  if (depth == 0) depth = 8;
  if (depth != 4 && depth != 8 && depth != 15 && depth != 16 && depth != 24) depth = 32;
  values[Dispi::width] &= 0xfff8;
  limit(Dispi::width, 8, most_width);
  const u64 bits = depth == 15 ? 16 : depth, memory_bits = VgaState::memory_bytes * 8;
  const u64 most_dots = memory_bits / bits;
  limit(Dispi::virtual_width, values[Dispi::width], 0xfff8);
  limit(Dispi::height, 1, std::min<u64>(most_height, most_dots / values[Dispi::virtual_width]));
  const u64 rows = std::min<u64>(most_dots / values[Dispi::virtual_width], 0xffff);
  values[Dispi::virtual_height] = static_cast<u16>(rows);
  limit(Dispi::x, 0, u64{values[Dispi::virtual_width]} - values[Dispi::width]);
  limit(Dispi::y, 0, rows - std::min<u64>(rows, values[Dispi::height]));
}

// The VGA's own registers go along, so that the window at A0000H shows banks of the same memory.
void Vga::enter_dispi_mode(bool clear) {
  auto& values = state_.dispi.values;
  values[Dispi::virtual_width] = values[Dispi::width];
  values[Dispi::x] = values[Dispi::y] = values[Dispi::bank] = 0;
  limit_dispi();
  state_.sequencer[2] = 0x0f;
  state_.sequencer[4] = values[Dispi::depth] == 4 ? 0x06 : 0x0e;
  state_.graphics[5] = values[Dispi::depth] == 4 ? 0x00 : 0x40;
  state_.graphics[6] = 0x05;
  if (!clear) return;
  static constexpr std::array<u8, page_bytes> zeros{};
  const u64 bits = values[Dispi::depth] == 15 ? 16 : values[Dispi::depth];
  const u64 bytes = u64{values[Dispi::virtual_width]} * values[Dispi::height] * bits / 8;
  for (u64 at = 0; at < bytes && at < VgaState::memory_bytes; at += zeros.size())
    put(static_cast<u32>(at), zeros.data(), static_cast<u32>(zeros.size()));
}

}  // namespace ringside
