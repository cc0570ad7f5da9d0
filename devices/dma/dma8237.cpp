// Owns the register behaviour of the DMA controllers.
#include "devices/dma/dma8237.h"

namespace ringside {

Dma8237::Dma8237()
    : first_window_(*this, &Dma8237::read_first, &Dma8237::write_first),
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
    case 8: return static_cast<u8>(chip.requests << 4);  // status: requests, and no terminal counts
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
      chip.command = chip.requests = 0;
      chip.mask = 0x0f;
      chip.high_byte = false;
      break;
    case 14: chip.mask = 0; break;
    default: chip.mask = value & 0x0f; break;
  }
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
    fields("high_byte", chip.high_byte);
    fields.end();
  }
  fields("pages", pages_);
  fields.end();
}

}  // namespace ringside
