// Owns the PCI function of the IDE controller.
#include "devices/ide/piix_ide.h"

#include "devices/ide/ata_disk.h"
#include "devices/ide/atapi_drive.h"

namespace ringside {

namespace {
constexpr u8 timing = 0x40, second_timing = 0x42;
constexpr unsigned bus_master_bar = 4;
constexpr u16 channel_on = 0x8000;
}  // namespace

PiixIde::PiixIde(Clock& clock, PortBus& ports, DmaMemory& memory, std::array<IrqLine*, channels> lines,
                 const std::array<Drive, drives>& drives_there)
    : PciFunction("piix3_ide", {0x8086, 0x7010, 0x00, 0x010180}),
      ports_(ports),
      bus_master_window_(*this, &PiixIde::read_bus_master, &PiixIde::write_bus_master) {
  define(PciCommand::offset, 2, 0x0000, 0x0005);
  define(0x06, 2, 0x0280, 0, 0x3800);
  define(timing, 2, 0x0000, 0xf3ff);
  define(second_timing, 2, 0x0000, 0xf3ff);
  define(0x44, 1, 0x00, 0xff);
  define_bar(bus_master_bar, BarKind::io, bus_master_ports);
  for (unsigned n = 0; n < channels; ++n) channels_[n] = std::make_unique<IdeChannel>(memory, *lines[n]);
  for (unsigned n = 0; n < drives; ++n) {
    if (!drives_there[n].block) continue;
    std::unique_ptr<IdeDrive> drive;
    if (drives_there[n].cdrom)
      drive = std::make_unique<AtapiDrive>(clock, n, *drives_there[n].block);
    else
      drive = std::make_unique<AtaDisk>(clock, n, *drives_there[n].block);
    channels_[n / 2]->attach(n % 2, std::move(drive));
  }
}

void PiixIde::prepare_direct_boot(PciFunction& ide) {
  ide.config_write(timing, 2, channel_on);
  ide.config_write(second_timing, 2, channel_on);
  ide.config_write(0x10 + 4 * bus_master_bar, 4, direct_boot_base);
  ide.config_write(PciCommand::offset, 2, PciCommand::decode_io | PciCommand::bus_master);
}

void PiixIde::places(Places& at) {
  at.pci(device, function, *this);
  for (unsigned n = 0; n < channels; ++n) channels_[n]->places(at, IdeChannel::legacy[n]);
  if (const auto base = bar_address(bus_master_bar))
    at.movable_ports({static_cast<u16>(*base), bus_master_ports}, bus_master_window_, "ide bus master");
}

void PiixIde::bar_mapped(unsigned, bool decoded, u64 address) {
  if (decoded)
    ports_.map_movable({static_cast<u16>(address), bus_master_ports}, bus_master_window_, "ide bus master");
  else
    ports_.unmap(bus_master_window_);
}

u32 PiixIde::read_bus_master(u16 offset, unsigned) {
  return channels_[offset / BusMaster::ports & 1]->read_bus_master(offset % BusMaster::ports);
}

void PiixIde::write_bus_master(u16 offset, unsigned, u32 value) {
  channels_[offset / BusMaster::ports & 1]->write_bus_master(offset % BusMaster::ports,
                                                             static_cast<u8>(value));
}

void PiixIde::config_written(u8, u8) {
  for (const auto& channel : channels_)
    channel->set_bus_mastering((config(PciCommand::offset) & PciCommand::bus_master) != 0);
}

void PiixIde::device_reset() {
  for (const auto& channel : channels_) channel->reset();
}

void PiixIde::fields(Fields& visit) {
  PciFunction::fields(visit);
  for (const auto& channel : channels_) channel->fields(visit);
}

void PiixIde::restored() {
  PciFunction::restored();
  for (const auto& channel : channels_) channel->restored();
}

}  // namespace ringside
