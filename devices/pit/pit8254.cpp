// Owns the ports of the interval timer and the interrupt of channel 0.
#include "devices/pit/pit8254.h"

#include "devices/bus/timer_fields.h"

namespace ringside {

Pit8254::Pit8254(Clock& clock, IrqLine& irq0)
    : clock_(clock),
      irq0_(irq0),
      timer_(clock, "pit.channel0",
             [this] {
               catch_up();
               schedule();
             }),
      counter_window_(*this, &Pit8254::read_counter, &Pit8254::write_counter),
      control_window_(*this, &Pit8254::read_control, &Pit8254::write_control) {
  channels_[2].set_gate(0, false);
}

void Pit8254::places(Places& at) {
  at.ports(counter_ports, counter_window_, "pit");
  at.ports(control_port, control_window_, "system control");
  at.irq(irq);
}

void Pit8254::reset(ResetKind) {
  const u64 now = clocks();
  for (PitChannel& channel : channels_) {
    channel = PitChannel();
    channel.run_to(now);
  }
  port_61_ = 0;
  channels_[2].set_gate(now, false);
  irq0_.set(false);
  schedule();
}

// Shows the line every edge of channel 0 up to now, in order: a pulse is one CLK wide and may lie between two
// looks. Of edges further back than two periods nobody can tell any more.
u64 Pit8254::catch_up() {
  const u64 now = clocks();
  PitChannel& timer = channels_[0];
  for (int edge = 0; edge < 4; ++edge) {
    const u64 event = timer.next_event();
    if (event > now) break;
    timer.run_to(event);
    irq0_.set(timer.out());
  }
  timer.run_to(now);
  irq0_.set(timer.out());
  return now;
}

void Pit8254::schedule() {
  const u64 event = channels_[0].next_event();
  if (event == PitChannel::never) return timer_.disarm();
  timer_.arm(clock_.ticks_of(event, hertz));
}

u32 Pit8254::read_counter(u16 offset, unsigned) {
  const u64 now = catch_up();
  schedule();
  return offset < 3 ? channels_[offset].read(now) : 0xffu;  // the control word cannot be read
}

void Pit8254::write_counter(u16 offset, unsigned, u32 wide) {
  const u64 now = catch_up();
  const u8 value = static_cast<u8>(wide);
  const unsigned select = value >> 6;
  if (offset < 3) {
    channels_[offset].write_count(now, value);
  } else if (select == 3) {
    for (unsigned i = 0; i < 3; ++i) {
      if (!(value & (2u << i))) continue;
      if (!(value & 0x20)) channels_[i].latch_count(now);
      if (!(value & 0x10)) channels_[i].latch_status(now);
    }
  } else if ((value & 0x30) == 0) {
    channels_[select].latch_count(now);
  } else {
    channels_[select].write_control(now, (value >> 4) & 3, (value >> 1) & 7, (value & 1) != 0);
  }
  irq0_.set(channels_[0].out());
  schedule();
}

u32 Pit8254::read_control(u16, unsigned) {
  const u64 now = clocks();
  channels_[2].run_to(now);
  // Bit 4 toggles with each refresh of the memory, about every 15 microseconds: 18 CLKs.
  const u32 refresh = (now / 18) & 1 ? 0x10 : 0;
  return port_61_ | refresh | (channels_[2].out() ? 0x20u : 0u);
}

void Pit8254::write_control(u16, unsigned, u32 value) {
  port_61_ = value & 0x0f;
  channels_[2].set_gate(clocks(), (value & 1) != 0);
}

bool Pit8254::speaker() const {
  PitChannel channel = channels_[2];
  channel.run_to(clocks());
  return (port_61_ & 2) && channel.out();
}

void Pit8254::fields(Fields& fields) {
  fields.group("pit");
  for (PitChannel& channel : channels_) {
    fields.group("channel");
    channel.fields(fields);
    fields.end();
  }
  fields("port_61", port_61_);
  timer_fields(fields, timer_);
  fields.end();
}

}  // namespace ringside
