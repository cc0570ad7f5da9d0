// Owns the graphics card's place on the buses, and accesses to its memory.
#include "devices/vga/vga.h"

#include <algorithm>
#include <cstring>

#include "devices/vga/edid.h"
#include "devices/vga/planes.h"

namespace ringside {
namespace {

constexpr unsigned preferred_width = 1280, preferred_height = 800;
constexpr u64 largest_rom = 0x10000;

// What is at which offset of the registers in memory.
constexpr u32 vga_ports = 0x400, vga_ports_end = 0x420, dispi = 0x500, dispi_end = 0x516, extended = 0x600;
constexpr u32 little_endian = 0x1e1e1e1e;

}  // namespace

Vga::Vga(PhysicalMemory& memory, const Clock& clock, std::vector<u8> rom)
    : PciFunction("vga", {0x1234, 0x1111, 0x02, 0x030000, 0, 0x1af4, 0x1100}),
      memory_(memory),
      clock_(clock),
      rom_(std::move(rom)),
      edid_(make_edid(preferred_width, preferred_height)),
      mono_crtc_(*this, 0x3b4),
      mono_status_(*this, 0x3ba),
      common_(*this, 0x3c0),
      color_crtc_(*this, 0x3d4),
      color_status_(*this, 0x3da),
      dispi_ports_(*this),
      registers_(*this),
      window_(*this, &Vga::window_in, &Vga::window_out),
      rom_window_(*this, &Vga::rom_in, &Vga::rom_out) {
  // Without address space for it the card has no memory: reads give ones.
  if (const auto ram = memory_.add_device_ram(VgaState::memory_bytes, "video memory")) {
    ram_ = *ram;
    bytes_ = memory_.ram_page(ram_);
    define_bar(0, BarKind::memory32, VgaState::memory_bytes, true);
  }
  define_bar(2, BarKind::memory32, register_bytes);
  if (!rom_.empty() && rom_.size() <= largest_rom) define_rom(largest_rom);
}

Vga::~Vga() {
  for (MmioDevice* window : std::initializer_list<MmioDevice*>{&window_, &registers_, &rom_window_})
    memory_.remove_mmio(*window);
  memory_.hide_ram(ram_);
}

void Vga::places(Places& at) {
  at.pci(device, function, *this);
  at.ports({0x3b4, 2}, mono_crtc_, "vga");
  at.ports({0x3ba, 1}, mono_status_, "vga");
  at.ports({0x3c0, 16}, common_, "vga");
  at.ports({0x3d4, 2}, color_crtc_, "vga");
  at.ports({0x3da, 1}, color_status_, "vga");
  at.ports({0x1ce, 3, PortSpan::Width::any}, dispi_ports_, "vga dispi");
  at.memory(window, window_bytes, window_, "vga");
}

void Vga::device_reset() {
  state_ = VgaState();
  state_.dispi.values[Dispi::memory] = VgaState::memory_bytes >> 16;
  enter_text_mode();
}

void Vga::fields(Fields& visit) {
  PciFunction::fields(visit);
  visit.group("vga registers");
  state_.fields(visit);
  visit.end();
  if (visit.restoring()) ++changes_;
}

void Vga::bar_mapped(unsigned index, bool decoded, u64 address) {
  if (index == 0) {
    if (decoded)
      memory_.show_ram(ram_, HostPhys(address), "video memory");
    else
      memory_.hide_ram(ram_);
    return;
  }
  MmioDevice& shown = index == rom_bar ? static_cast<MmioDevice&>(rom_window_) : registers_;
  if (!decoded) return memory_.remove_mmio(shown);
  memory_.add_mmio(HostPhys(address), index == rom_bar ? largest_rom : register_bytes, shown,
                   index == rom_bar ? "vga rom" : "vga registers");
}

u32 Vga::four(u32 place) const {
  u32 bytes = ~u32{0};
  if (bytes_ != nullptr) std::memcpy(&bytes, bytes_ + (place & (VgaState::memory_bytes - 4)), sizeof bytes);
  return bytes;
}

void Vga::put(u32 place, const void* bytes, u32 count) {
  if (bytes_ == nullptr) return;
  memory_.write_device_ram(ram_ + (place & (VgaState::memory_bytes - count)), bytes, count);
}

u8 Vga::window_in(u32 offset) {
  const auto at = planes::in_window(state_, offset);
  if (!at) return 0xff;
  const u32 place = *at + (u32{state_.dispi.values[Dispi::bank]} << 16);
  const auto byte = [&](u32 n) { return static_cast<u8>(four(n) >> (8 * (n & 3))); };
  if (state_.chain4()) return byte(place);
  if (state_.odd_even()) return byte((place & ~1u) << 1 | (state_.graphics[4] & 2u) | (place & 1));
  state_.latch = four(place << 2);
  return planes::read(state_, state_.latch);
}

void Vga::window_out(u32 offset, u8 value) {
  const auto at = planes::in_window(state_, offset);
  if (!at) return;
  ++changes_;
  const u32 place = *at + (u32{state_.dispi.values[Dispi::bank]} << 16);
  const auto byte = [&](u32 n, unsigned plane) {
    if (state_.sequencer[2] >> plane & 1) put(n, &value, 1);
  };
  if (state_.chain4()) return byte(place, place & 3);
  if (state_.odd_even()) {
    const u32 plane = (state_.graphics[4] & 2u) | (place & 1);
    return byte((place & ~1u) << 1 | plane, plane);
  }
  const u32 made = planes::write(state_, four(place << 2), value);
  put(place << 2, &made, sizeof made);
}

u8 Vga::register_in(u32 offset) {
  if (offset < edid_.size()) return edid_[offset];
  if (offset >= vga_ports && offset < vga_ports_end)
    return port_in(static_cast<u16>(0x3c0 + offset - vga_ports));
  if (offset >= dispi && offset < dispi_end)
    return static_cast<u8>(dispi_read(static_cast<u16>((offset - dispi) / 2)) >> (8 * (offset & 1)));
  // How many bytes these registers have, and the byte order of the framebuffer.
  if (offset == extended) return 8;
  if (offset >= extended + 4 && offset < extended + 8)
    return static_cast<u8>(little_endian >> (8 * (offset & 3)));
  return offset < extended + 8 ? 0 : 0xff;
}

u64 Vga::Registers::mmio_read(u64 offset, unsigned size) {
  u64 value = 0;
  for (unsigned n = 0; n < size; ++n) value |= u64{vga.register_in(static_cast<u32>(offset + n))} << (8 * n);
  return value;
}

// The display interface's registers take whole words only.
void Vga::Registers::mmio_write(u64 offset, unsigned size, u64 value) {
  for (unsigned n = 0; n < size; ++n) {
    const u64 at = offset + n;
    if (at >= vga_ports && at < vga_ports_end)
      vga.port_out(static_cast<u16>(0x3c0 + at - vga_ports), static_cast<u8>(value >> (8 * n)));
    if (at >= dispi && at < dispi_end && at % 2 == 0 && n + 1 < size)
      vga.dispi_write(static_cast<u16>((at - dispi) / 2), static_cast<u16>(value >> (8 * n)));
  }
}

}  // namespace ringside
