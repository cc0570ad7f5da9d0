// Owns one IDE channel: its two places for drives, its ports, its interrupt.
#pragma once

#include <array>
#include <memory>

#include "devices/ide/ide_drive.h"
#include "devices/port_window.h"

namespace ringside {

// A place without a drive reads as 0 beside a drive, and as 7FH on an empty channel, as on boards that pull
// down the wire of BSY.
class IdeChannel final : public IdeDriveHost {
 public:
  struct Place {
    PortSpan command, control;
    unsigned irq;
  };
  static constexpr std::array<Place, 2> legacy{Place{{0x1f0, 8, PortSpan::Width::any}, {0x3f6, 1}, 14},
                                               Place{{0x170, 8, PortSpan::Width::any}, {0x376, 1}, 15}};

  IdeChannel(DmaMemory& memory, IrqLine& line);

  // 0: the first drive, 1: the second.
  void attach(unsigned place, std::unique_ptr<IdeDrive> drive);
  void places(Places& at, const Place& where);
  void reset();
  void fields(Fields& visit);
  void restored();

  u8 read_bus_master(u16 offset) const { return bus_master_.read(offset); }
  void write_bus_master(u16 offset, u8 value);
  // Whether the PCI function may reach memory by itself.
  void set_bus_mastering(bool on);

  void interrupt_changed() override;
  void wants_bus_master() override;

 private:
  u32 read_command(u16 offset, unsigned size);
  void write_command(u16 offset, unsigned size, u32 value);
  u32 read_control(u16 offset, unsigned size);
  void write_control(u16 offset, unsigned size, u32 value);
  void write_register(ide::Register reg, u8 value);
  IdeDrive* selected() const { return drives_[second_ ? 1 : 0].get(); }
  bool empty() const { return !drives_[0] && !drives_[1]; }
  u8 nobody() const { return empty() ? 0x7f : 0; }
  void update_line();

  BusMaster bus_master_;
  IrqLine& line_;
  std::array<std::unique_ptr<IdeDrive>, 2> drives_;
  PortWindow<IdeChannel> command_window_, control_window_;
  bool bus_mastering_ = false;  // follows from the function's command register
  bool second_ = false;         // the second drive is selected
  u8 control_ = 0;
  bool level_ = false;  // of the line, as it was driven last
};

}  // namespace ringside
