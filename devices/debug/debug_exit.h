// Owns isa-debug-exit: the port by which a test guest ends the run with a status.
#pragma once

#include "cpu/arch/seams.h"
#include "devices/ports_of.h"

namespace ringside {

// A write of any size ends the run; the exit status is (value << 1) | 1, so that it is never zero. No state.
class DebugExit final : public PortDevice {
 public:
  static constexpr PortSpan default_ports{0xf4, 4, PortBus::Width::any};

  explicit DebugExit(MachineControl& control) : control_(control) {}

  u32 io_read(u16, unsigned) override { return 0; }
  void io_write(u16, unsigned, u32 value) override {
    control_.debug_exit(static_cast<int>((value << 1) | 1));
  }

 private:
  MachineControl& control_;
};

}  // namespace ringside
