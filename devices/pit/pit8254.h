// Owns the interval timer of a PC: an 8254 with its three counters, and the system control port 0x61 beside
// it.
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/pit/pit_channel.h"
#include "devices/port_window.h"

namespace ringside {

// Channel 0's OUT is IRQ 0. Channel 2's GATE is bit 0 of port 0x61, and its OUT can be read there. Virtual
// time is divided exactly: CLK n is at the first tick that is not before n / hertz seconds, without drift.
class Pit8254 final : public Device {
 public:
  static constexpr PortSpan counter_ports{0x40, 4};
  static constexpr PortSpan control_port{0x61, 1};
  static constexpr unsigned irq = 0;
  static constexpr u64 hertz = 1'193'182;

  Pit8254(Clock& clock, IrqLine& irq0);

  // What the loudspeaker sees: channel 2's OUT and bit 1 of port 0x61. Looking changes nothing.
  bool speaker() const;
  const PitChannel& channel(unsigned index) const { return channels_.at(index); }

  Description describe() const override { return {"8254", "interval timer and speaker"}; }
  void places(Places& at) override;
  void reset(ResetKind kind) override;
  void fields(Fields& fields) override;

 private:
  u64 clocks() const { return clock_.periods_in(clock_.now(), hertz); }
  u64 catch_up();
  void schedule();
  u32 read_counter(u16 offset, unsigned size);
  void write_counter(u16 offset, unsigned size, u32 value);
  u32 read_control(u16 offset, unsigned size);
  void write_control(u16 offset, unsigned size, u32 value);

  Clock& clock_;
  IrqLine& irq0_;
  Timer timer_;
  std::array<PitChannel, 3> channels_;
  u8 port_61_ = 0;  // bits 0..3 as written
  PortWindow<Pit8254> counter_window_, control_window_;
};

}  // namespace ringside
