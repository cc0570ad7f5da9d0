// Owns the IDE controller: function 1 of the PIIX3, with two channels at their legacy places.
#pragma once

#include "devices/block/block_device.h"
#include "devices/ide/ide_channel.h"
#include "devices/pci/pci_function.h"

namespace ringside {

// The registers of timing keep what is written and do nothing; the channels answer whatever these say.
// Data sheet: Intel 82371SB (PIIX3), "IDE configuration registers".
class PiixIde final : public PciFunction {
 public:
  static constexpr unsigned device = 1, function = 1, channels = 2, drives = 4;
  struct Drive {
    BlockDevice* block = nullptr;  // nullptr: none
    bool cdrom = false;
  };

  PiixIde(Clock& clock, PortBus& ports, DmaMemory& memory, std::array<IrqLine*, channels> lines,
          const std::array<Drive, drives>& drives_there);

  // As firmware leaves it to a kernel: both channels on, the bus master at `base`.
  static constexpr u16 direct_boot_base = 0xc000;
  static void prepare_direct_boot(PciFunction& ide);

  Description describe() const override {
    return {"PIIX3 IDE", "with an IDE drive (-drive) or firmware: the controller"};
  }
  void places(Places& at) override;
  void fields(Fields& visit) override;
  void restored() override;

 private:
  void config_written(u8 first, u8 last) override;
  void bar_mapped(unsigned index, bool decoded, u64 address) override;
  void device_reset() override;
  u32 read_bus_master(u16 offset, unsigned size);
  void write_bus_master(u16 offset, unsigned size, u32 value);

  static constexpr u16 bus_master_ports = 16;
  PortBus& ports_;
  std::array<std::unique_ptr<IdeChannel>, channels> channels_;
  PortWindow<PiixIde> bus_master_window_;
};

}  // namespace ringside
