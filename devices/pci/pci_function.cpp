// Owns the behaviour of a PCI function's configuration space.
#include "devices/pci/pci_function.h"

namespace ringside {

namespace {
constexpr u8 status = 0x06, bar0 = 0x10, rom_base = 0x30;
constexpr u8 interrupt_status = 0x08;
}  // namespace

PciFunction::PciFunction(std::string name, Identity id) : name_(std::move(name)) {
  define(0x00, 2, id.vendor, 0);
  define(0x02, 2, id.device, 0);
  define(PciCommand::offset, 2, 0, 0x0007 | PciCommand::interrupt_disable);
  define(status, 2, 0, 0, 0xf900);
  define(0x08, 4, id.class_code << 8 | id.revision, 0);
  define(0x0c, 1, 0, 0xff);  // cache line
  define(0x0d, 1, 0, 0xf8);  // latency timer
  define(0x2c, 2, id.subsystem_vendor, 0);
  define(0x2e, 2, id.subsystem, 0);
  define(0x3c, 1, 0, 0xff);  // interrupt line: software's note
  define(0x3d, 1, id.interrupt_pin, 0);
}

void PciFunction::define(u8 offset, unsigned size, u32 value, u32 writable, u32 clears) {
  for (unsigned i = 0; i < size && offset + i < config_.size(); ++i) {
    config_[offset + i] = initial_[offset + i] = static_cast<u8>(value >> (8 * i));
    writable_[offset + i] = static_cast<u8>(writable >> (8 * i));
    clears_[offset + i] = static_cast<u8>(clears >> (8 * i));
  }
}

void PciFunction::define_bar(unsigned index, BarKind kind, u64 size, bool prefetchable) {
  if (index >= rom_bar || (kind == BarKind::memory64 && index + 1 >= rom_bar)) return;
  bars_[index] = {kind, size, false, 0};
  const u8 at = static_cast<u8>(bar0 + 4 * index);
  const u64 address_bits = ~(size - 1);
  if (kind == BarKind::io) {
    define(at, 4, 1, static_cast<u32>(address_bits) & 0xfffffffc);
  } else {
    const u32 type = (kind == BarKind::memory64 ? 4u : 0u) | (prefetchable ? 8u : 0u);
    define(at, 4, type, static_cast<u32>(address_bits) & 0xfffffff0);
    if (kind == BarKind::memory64)
      define(static_cast<u8>(at + 4), 4, 0, static_cast<u32>(address_bits >> 32));
  }
}

void PciFunction::define_rom(u64 size) {
  bars_[rom_bar] = {BarKind::rom, size, false, 0};
  define(rom_base, 4, 0, (static_cast<u32>(~(size - 1)) & 0xfffff800) | 1);
}

// --- Accesses ---

u32 PciFunction::config_read(u8 offset, unsigned size) const {
  u32 value = 0;
  for (unsigned i = 0; i < size; ++i) {
    value |= u32{offset + i < config_.size() ? config_[offset + i] : u8{0xff}} << (8 * i);
  }
  return value;
}

void PciFunction::config_write(u8 offset, unsigned size, u32 value) {
  unsigned last = offset;
  for (unsigned i = 0; i < size && offset + i < config_.size(); ++i) {
    last = offset + i;
    const u8 byte = static_cast<u8>(value >> (8 * i));
    u8& reg = config_[last];
    reg = static_cast<u8>((reg & ~writable_[last]) | (byte & writable_[last]));
    reg &= static_cast<u8>(~(byte & clears_[last]));
  }
  update_bars();
  update_pin();
  config_written(offset, static_cast<u8>(last));
}

void PciFunction::reset(ResetKind) {
  config_ = initial_;
  request_ = false;
  update_bars();
  update_pin();
  config_written(0, 0xff);
  device_reset();
}

// --- Base addresses ---

u64 PciFunction::bar_value(unsigned index) const {
  const u8 at = static_cast<u8>(bar0 + 4 * index);
  switch (bars_[index].kind) {
    case BarKind::io: return config_read(at, 4) & 0xfffffffc;
    case BarKind::memory32: return config_read(at, 4) & 0xfffffff0;
    case BarKind::rom: return config_read(rom_base, 4) & 0xfffff800;
    case BarKind::memory64:
      return u64{config_read(static_cast<u8>(at + 4), 4)} << 32 | (config_read(at, 4) & 0xfffffff0);
    default: return 0;
  }
}

void PciFunction::update_bars() {
  for (unsigned i = 0; i < bars_.size(); ++i) {
    Bar& bar = bars_[i];
    if (bar.kind == BarKind::none) continue;
    const u64 address = bar_value(i);
    const bool own_switch = bar.kind != BarKind::rom || (config_[rom_base] & 1) != 0;
    const bool enabled =
        own_switch && (config_[PciCommand::offset] &
                       (bar.kind == BarKind::io ? PciCommand::decode_io : PciCommand::decode_memory)) != 0;
    // While software sizes it (all ones) or has not placed it (zero), a range is nowhere; nor past 64 KiB of
    // ports.
    const u64 limit = bar.kind == BarKind::io ? 0x10000 : bar.kind == BarKind::memory64 ? 0 : u64{1} << 32;
    const u64 end = address + bar.size;
    const bool fits = address != 0 && (limit == 0 ? end > address : end < limit);
    const bool decoded = enabled && fits;
    if (decoded == bar.decoded && (!decoded || address == bar.address)) continue;
    if (bar.decoded) {
      bar.decoded = false;
      bar_mapped(i, false, bar.address);
    }
    if (decoded) {
      bar.decoded = true;
      bar.address = address;
      bar_mapped(i, true, address);
    }
  }
}

// --- The interrupt pin ---

bool PciFunction::interrupt() const {
  return request_ && !msi_enabled() && !(config_read(PciCommand::offset, 2) & PciCommand::interrupt_disable);
}

void PciFunction::define_msi(u8 offset) {
  constexpr u8 capability_list = 0x10, pointer = 0x34;
  msi_ = offset;
  define(status, 1, config_[status] | capability_list, 0);
  define(pointer, 1, offset, 0);
  define(offset, 2, 0x0005, 0);  // MSI, and no further capability
  define(static_cast<u8>(offset + 2), 2, 0x0080, 0x0001);
  define(static_cast<u8>(offset + 4), 4, 0, 0xfffffffc);
  define(static_cast<u8>(offset + 8), 4, 0, 0xffffffff);
  define(static_cast<u8>(offset + 12), 2, 0, 0xffff);
}

bool PciFunction::send_msi(DmaMemory& memory) const {
  if (!msi_enabled()) return false;
  const u64 address =
      u64{config_read(static_cast<u8>(msi_ + 8), 4)} << 32 | config_read(static_cast<u8>(msi_ + 4), 4);
  const std::array<u8, 4> data{config_[msi_ + 12u], config_[msi_ + 13u], 0, 0};
  return memory.dma_write(HostPhys(address), data);
}

void PciFunction::update_pin() {
  config_[status] =
      static_cast<u8>((config_[status] & ~interrupt_status) | (request_ ? interrupt_status : 0));
  if (pin_) pin_->set(interrupt());
}

void PciFunction::set_interrupt(bool level) {
  request_ = level;
  update_pin();
}

void PciFunction::fields(Fields& fields) {
  fields.group(name_);
  fields("config", config_);
  fields("interrupt_request", request_);
  fields.end();
}

void PciFunction::restored() {
  update_bars();
  config_written(0, 0xff);
}

}  // namespace ringside
