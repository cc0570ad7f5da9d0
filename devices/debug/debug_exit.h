// Owns isa-debug-exit: the port by which a test guest ends the run with a status.
#pragma once

#include "cpu/arch/seams.h"
#include "devices/port_window.h"

namespace ringside {

// A write of any size ends the run; the exit status is (value << 1) | 1, so that it is never zero. No state.
class DebugExit final : public Device, public PortDevice {
 public:
  static constexpr PortSpan default_ports{0xf4, 4, PortSpan::Width::any};

  explicit DebugExit(MachineControl& control, PortSpan ports = default_ports)
      : control_(control), ports_(ports) {}

  u32 io_read(u16, unsigned) override { return 0; }
  void io_write(u16, unsigned, u32 value) override {
    control_.debug_exit(static_cast<int>((value << 1) | 1));
  }

  Description describe() const override {
    return {"debug exit", "a write ends the run with the status (value << 1) | 1", "isa-debug-exit"};
  }
  void places(Places& at) override { at.ports(ports_, *this, "debug-exit"); }
  void reset(ResetKind) override {}
  void fields(Fields&) override {}

 private:
  MachineControl& control_;
  PortSpan ports_;
};

}  // namespace ringside
