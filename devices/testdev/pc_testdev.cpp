// Owns the behaviour of the test device.
#include "devices/testdev/pc_testdev.h"

namespace ringside {

PcTestdev::PcTestdev(std::array<IrqLine*, irq_lines> lines)
    : lines_(lines),
      io_ram_(io_ram_bytes),
      irq_window_(*this, &PcTestdev::read_irq, &PcTestdev::write_irq),
      scratch_window_(*this, &PcTestdev::read_scratch, &PcTestdev::write_scratch),
      flush_window_(*this, &PcTestdev::read_flush, &PcTestdev::write_flush) {}

void PcTestdev::places(Places& at) {
  at.ports(scratch_ports, scratch_window_, "testdev scratch");
  at.ports(flush_ports, flush_window_, "testdev flush");
  at.ports(irq_ports, irq_window_, "testdev irq");
  at.memory(io_ram_base, io_ram_bytes, *this, "testdev");
}

u32 PcTestdev::read_irq(u16 offset, unsigned) { return offset < irq_lines ? (levels_ >> offset) & 1 : 0xff; }

void PcTestdev::write_irq(u16 offset, unsigned, u32 value) {
  if (offset >= irq_lines) return;
  const u32 mask = u32{1} << offset;
  levels_ = value ? levels_ | mask : levels_ & ~mask;
  if (lines_[offset]) lines_[offset]->set(value != 0);
}

u32 PcTestdev::read_scratch(u16 offset, unsigned size) {
  const u64 value = u64{scratch_} >> (8 * (offset & 3));
  return static_cast<u32>(value & bit_range(0, size * 8 - 1));
}

void PcTestdev::write_scratch(u16 offset, unsigned size, u32 value) {
  const unsigned shift = 8 * (offset & 3);
  const u64 mask = bit_range(0, size * 8 - 1) << shift;
  scratch_ = static_cast<u32>((scratch_ & ~mask) | ((u64{value} << shift) & mask));
}

u64 PcTestdev::mmio_read(u64 offset, unsigned size) {
  u64 value = 0;
  for (unsigned i = 0; i < size; ++i) value |= u64{io_ram_[(offset + i) % io_ram_bytes]} << (8 * i);
  return value;
}

void PcTestdev::mmio_write(u64 offset, unsigned size, u64 value) {
  for (unsigned i = 0; i < size; ++i)
    io_ram_[(offset + i) % io_ram_bytes] = static_cast<u8>(value >> (8 * i));
}

void PcTestdev::reset(ResetKind) {
  levels_ = scratch_ = 0;
  io_ram_.assign(io_ram_bytes, 0);
  for (IrqLine* line : lines_) {
    if (line) line->set(false);
  }
}

void PcTestdev::fields(Fields& fields) {
  fields.group("testdev");
  fields("levels", levels_);
  fields("scratch", scratch_);
  fields.bytes("io_ram", io_ram_.data(), io_ram_.size());
  fields.end();
}

}  // namespace ringside
