// Owns the reset control register at port 0xcf9.
#pragma once

#include "cpu/arch/fields.h"
#include "devices/bus/reset_control.h"
#include "devices/port_window.h"

namespace ringside {

// Bit 2 (RCPU) going from 0 to 1 resets: with bit 1 (SRST) the machine, without it the CPUs alone. The power
// cycle that later chips make of bit 3 is none here: the bit is reserved. Map it after the PCI configuration
// ports, which it lies within. Data sheet: Intel 82371AB (PIIX4), "Reset Control Register".
class ResetPort final : public Device, public PortDevice {
 public:
  static constexpr PortSpan ports{0xcf9, 1};
  static constexpr u8 reset_value = 0x06;  // for the FADT

  explicit ResetPort(ResetControl& control) : control_(control) {}

  u32 io_read(u16, unsigned) override { return value_; }
  void io_write(u16, unsigned, u32 value) override {
    const bool rises = !(value_ & rst_cpu) && (value & rst_cpu);
    value_ = static_cast<u8>(value & (system | rst_cpu));
    if (!rises) return;
    value_ &= static_cast<u8>(~rst_cpu);
    if (value & system) {
      control_.reset("port 0xcf9");
    } else {
      control_.init_cpus("port 0xcf9");
    }
  }

  Description describe() const override { return {"reset control", "resets of the machine or its CPUs"}; }
  void places(Places& at) override { at.ports(ports, *this, "reset"); }
  void reset(ResetKind) override { value_ = 0; }
  void fields(Fields& fields) override {
    fields.group("reset_port");
    fields("value", value_);
    fields.end();
  }

 private:
  static constexpr u8 system = 0x02, rst_cpu = 0x04;
  ResetControl& control_;
  u8 value_ = 0;
};

}  // namespace ringside
