// Owns the reset control register at port 0xcf9.
#pragma once

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/ports_of.h"

namespace ringside {

// Bit 1 (SYS_RST) chooses between a hard and a soft reset, bit 2 (RST_CPU) going from 0 to 1 does it; bit 3
// asks for a power cycle. All are one reset here. Map it after the PCI configuration ports, which it lies
// within. Data sheet: Intel 82371AB (PIIX4), "Reset Control Register".
class ResetPort final : public PortDevice {
 public:
  static constexpr PortSpan ports{0xcf9, 1};
  static constexpr u8 reset_value = 0x06;  // for the FADT

  explicit ResetPort(MachineControl& control) : control_(control) {}

  u32 io_read(u16, unsigned) override { return value_; }
  void io_write(u16, unsigned, u32 value) override {
    const bool rises = !(value_ & rst_cpu) && (value & rst_cpu);
    value_ = static_cast<u8>(value & 0x0e);
    if (!rises) return;
    value_ &= static_cast<u8>(~rst_cpu);
    control_.reset("port 0xcf9");
  }

  void reset() { value_ = 0; }
  void fields(Fields& fields) {
    fields.group("reset_port");
    fields("value", value_);
    fields.end();
  }
  void restored() {}

 private:
  static constexpr u8 rst_cpu = 0x04;
  MachineControl& control_;
  u8 value_ = 0;
};

}  // namespace ringside
