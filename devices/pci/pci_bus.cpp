// Owns the behaviour of PCI bus 0.
#include "devices/pci/pci_bus.h"

namespace ringside {

bool PciBus::attach_function(unsigned device, unsigned function, PciFunction& what) {
  if (device >= 32 || function >= 8 || functions_[device][function]) return false;
  functions_[device][function] = &what;
  // Software looks for functions 1..7 only if function 0 says that there may be some.
  if (PciFunction* first = functions_[device][0]) {
    for (unsigned i = 1; i < 8; ++i) {
      if (functions_[device][i]) first->set_multifunction();
    }
  }
  if (const unsigned pin = what.interrupt_pin(); pin >= 1 && pin <= 4) {
    Pin& wire = pins_.emplace_back();
    wire.bus = this;
    wire.function = &what;
    wire.pirq = static_cast<u8>(pirq_of(device, pin));
    what.connect(&wire);
  }
  return true;
}

void PciBus::Pin::set(bool now) {
  if (now == level) return;
  level = now;
  bus->update_pirq(pirq);
}

void PciBus::update_pirq(unsigned pirq) {
  bool level = false;
  for (const Pin& pin : pins_) level |= pin.pirq == pirq && pin.level;
  if (sink_) sink_->set_pirq(pirq, level);
}

PciFunction* PciBus::function_at(u8 bus, u8 device, u8 function) const {
  return bus == 0 && device < 32 && function < 8 ? functions_[device][function] : nullptr;
}

u32 PciBus::config_read(u8 bus, u8 device, u8 function, u8 offset, unsigned size) const {
  const PciFunction* const found = function_at(bus, device, function);
  const u32 ones = static_cast<u32>(bit_range(0, size * 8 - 1));
  return found && (offset & 3) + size <= 4 ? found->config_read(offset, size) : ones;
}

void PciBus::config_write(u8 bus, u8 device, u8 function, u8 offset, unsigned size, u32 value) {
  PciFunction* const found = function_at(bus, device, function);
  if (found && (offset & 3) + size <= 4) found->config_write(offset, size, value);
}

u32 PciBus::io_read(u16 offset, unsigned size) {
  if (offset == 0 && size == 4) return address_;
  if (offset < 4 || !(address_ & 0x80000000)) return static_cast<u32>(bit_range(0, size * 8 - 1));
  return config_read(static_cast<u8>(address_ >> 16), (address_ >> 11) & 31, (address_ >> 8) & 7,
                     static_cast<u8>((address_ & 0xfc) | (offset & 3)), size);
}

void PciBus::io_write(u16 offset, unsigned size, u32 value) {
  if (offset == 0 && size == 4) {
    address_ = value & 0x80fffffc;
    return;
  }
  if (offset < 4 || !(address_ & 0x80000000)) return;
  config_write(static_cast<u8>(address_ >> 16), (address_ >> 11) & 31, (address_ >> 8) & 7,
               static_cast<u8>((address_ & 0xfc) | (offset & 3)), size, value);
}

void PciBus::fields(Fields& fields) {
  fields.group("pci");
  fields("address", address_);
  for (Pin& pin : pins_) fields("pin", pin.level);
  fields.end();
}

}  // namespace ringside
