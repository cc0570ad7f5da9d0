// Owns the register behaviour of the DMA controllers, and the moving of bytes.
#include "devices/dma/dma8237.h"

#include <utility>

namespace ringside {

Dma8237::Dma8237(DmaMemory* memory)
    : memory_(memory),
      first_window_(*this, &Dma8237::read_first, &Dma8237::write_first),
      second_window_(*this, &Dma8237::read_second, &Dma8237::write_second),
      page_window_(*this, &Dma8237::read_page, &Dma8237::write_page) {}

void Dma8237::places(Places& at) {
  at.ports(first_ports, first_window_, "dma 1");
  at.ports(second_ports, second_window_, "dma 2");
  at.ports(page_ports, page_window_, "dma pages");
}

void Dma8237::reset(ResetKind) {
  chips_ = {};
  pages_ = {};
}

u8 Dma8237::read(Chip& chip, unsigned reg) {
  if (reg < 8) {
    const u16 value = chip.current[reg];
    chip.high_byte = !chip.high_byte;
    return static_cast<u8>(chip.high_byte ? value : value >> 8);
  }
  switch (reg) {
    case 8: return static_cast<u8>(chip.requests << 4 | std::exchange(chip.reached, u8{0}));
    case 15: return chip.mask | 0xf0;
    default: return 0;
  }
}

void Dma8237::write(Chip& chip, unsigned reg, u8 value) {
  if (reg < 8) {
    u16& base = chip.base[reg];
    base = static_cast<u16>(chip.high_byte ? (base & 0x00ff) | value << 8 : (base & 0xff00) | value);
    chip.current[reg] = base;
    chip.high_byte = !chip.high_byte;
    return;
  }
  const u8 channel = static_cast<u8>(1u << (value & 3));
  switch (reg) {
    case 8: chip.command = value; break;
    case 9:
      chip.requests = (value & 4) ? chip.requests | channel : chip.requests & static_cast<u8>(~channel);
      break;
    case 10: chip.mask = (value & 4) ? chip.mask | channel : chip.mask & static_cast<u8>(~channel); break;
    case 11: chip.modes[value & 3] = value; break;
    case 12: chip.high_byte = false; break;
    case 13:  // master clear: everything but the channels' own registers
      chip.command = chip.requests = chip.reached = 0;
      chip.mask = 0x0f;
      chip.high_byte = false;
      break;
    case 14: chip.mask = 0; break;
    default: chip.mask = value & 0x0f; break;
  }
}

IsaDma::Moved Dma8237::to_memory(unsigned channel, std::span<const u8> bytes) {
  constexpr u8 disabled = 0x04, transfer_bits = 0x0c, to_memory_bits = 0x04, again = 0x10, downwards = 0x20;
  static constexpr std::array<u8, 4> page_of{6, 2, 0, 1};  // in the order of ports 81H on
  Chip& chip = chips_[0];
  const u8 mode = chip.modes[channel & 3], bit = static_cast<u8>(1u << (channel & 3));
  u16 &address = chip.current[2 * (channel & 3)], &count = chip.current[2 * (channel & 3) + 1];
  Moved moved;
  if (!memory_ || (chip.command & disabled) || (chip.mask & bit) || (mode & transfer_bits) != to_memory_bits)
    return moved;
  const u64 page = u64{pages_[page_of[channel & 3]]} << 16;
  while (moved.bytes < bytes.size() && !moved.terminal_count) {
    // What is no memory loses the byte; the chip does not notice.
    memory_->dma_write(HostPhys(page | address), bytes.subspan(moved.bytes++, 1));
    address = static_cast<u16>(mode & downwards ? address - 1 : address + 1);
    moved.terminal_count = count-- == 0;
  }
  if (!moved.terminal_count) return moved;
  chip.reached |= bit;
  if (mode & again) {
    address = chip.base[2 * (channel & 3)];
    count = chip.base[2 * (channel & 3) + 1];
  } else {
    chip.mask |= bit;
  }
  return moved;
}

void Dma8237::fields(Fields& fields) {
  fields.group("dma");
  for (Chip& chip : chips_) {
    fields.group("chip");
    fields("base", chip.base);
    fields("current", chip.current);
    fields("modes", chip.modes);
    fields("command", chip.command);
    fields("requests", chip.requests);
    fields("mask", chip.mask);
    fields("reached", chip.reached);
    fields("high_byte", chip.high_byte);
    fields.end();
  }
  fields("pages", pages_);
  fields.end();
}

}  // namespace ringside
