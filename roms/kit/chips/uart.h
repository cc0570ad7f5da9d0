// Owns a 16550 serial port, as a hypervisor shows it to its guest. What the guest sends is there at once; how
// fast the line is makes no difference.
#pragma once

#include "roms/kit/types.h"

namespace kit {

class Uart {
 public:
  // `offset` is 0 to 7, from the port's first address. After each of these the owner asks for interrupts()
  // and sent().
  u8 in(u8 offset);
  void out(u8 offset, u8 value);

  // Something arrives. false: there is no room, and it has to be offered again.
  bool receive(u8 byte);

  // Does the guest want to know of what arrives? A driver that is not there yet would throw it away at its
  // start.
  bool listens() const { return interrupt_enable_ & 1; }
  bool has_room() const { return count_ < room; }

  // The level of the interrupt pin.
  bool interrupts() const { return cause() != none; }
  // A byte that the guest has sent, or -1. There is one at most after an out().
  int sent();

 private:
  // The lower bits of the interrupt identification register.
  enum Cause : u8 { none = 1, transmitter_empty = 2, data_available = 4 };
  static constexpr unsigned room = 16;

  Cause cause() const;
  bool divisor_access() const { return line_control_ & 0x80; }

  u8 queue_[room] = {};
  unsigned first_ = 0, count_ = 0;
  int sent_ = -1;
  bool transmitter_told_ = true;  // that the transmitter is empty was read from the identification register
  u8 interrupt_enable_ = 0, line_control_ = 0, modem_control_ = 0, scratch_ = 0, fifo_control_ = 0;
  u16 divisor_ = 12;
};

}  // namespace kit
