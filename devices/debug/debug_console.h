// Owns the debug consoles: ports that print every byte written to them.
#pragma once

#include "cpu/arch/seams.h"
#include "devices/port_window.h"
#include "devices/serial/serial_sink.h"

namespace ringside {

// Reads as 0xe9, by which software finds out that somebody listens. No state.
class DebugConsole final : public Device, public PortDevice {
 public:
  static constexpr PortSpan bochs_port{0xe9, 1};
  static constexpr PortSpan firmware_port{0x402, 1};
  static constexpr u8 signature = 0xe9;

  explicit DebugConsole(SerialSink& sink) : sink_(sink) {}

  u32 io_read(u16, unsigned) override { return signature; }
  void io_write(u16, unsigned, u32 value) override { sink_.output(static_cast<u8>(value)); }

  Description describe() const override {
    return {"debug consoles", "every byte written is printed: -debugcon"};
  }
  void places(Places& at) override {
    at.ports(bochs_port, *this, "console");
    at.ports(firmware_port, *this, "console");
  }
  void reset(ResetKind) override {}
  void fields(Fields&) override {}

 private:
  SerialSink& sink_;
};

}  // namespace ringside
