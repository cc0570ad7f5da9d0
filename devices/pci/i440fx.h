// Owns the host bridge: Intel's 440FX as far as software looks, with the registers that shadow the ROM area.
#pragma once

#include "devices/pci/pci_function.h"

namespace ringside {

// Who answers in the area 0xc0000..0xfffff; the machine's memory map. Reads and writes go to RAM, or to the
// bus below (ROM). Told after reset and at every change.
class ShadowSink {
 public:
  virtual ~ShadowSink() = default;
  virtual void set_shadow(HostPhys start, u64 bytes, bool read_ram, bool write_ram) = 0;
};

// The registers of the DRAM controller keep what is written and do nothing: the machine knows its memory.
// Data sheet: Intel 82441FX PCI and Memory Controller (PMC).
class I440fx final : public PciFunction {
 public:
  static constexpr unsigned device = 0, function = 0;

  explicit I440fx(ShadowSink* shadow = nullptr);

  Description describe() const override { return {"82441FX", "host bridge"}; }
  void places(Places& at) override { at.pci(device, function, *this); }

 private:
  void config_written(u8 first, u8 last) override;
  ShadowSink* shadow_;
};

}  // namespace ringside
