// Owns the keyboard: its commands, its two scancode sets, its lights.
#pragma once

#include <functional>

#include "cpu/arch/seams.h"
#include "devices/i8042/ps2_device.h"

namespace ringside {

// Scancode sets 1 and 2; set 3 is refused. The key that went down last repeats while it is held, as the
// guest has set delay and rate: in virtual time, so that repeats that a host makes are not to be passed on.
// Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)".
class Ps2Keyboard final : public Ps2Device {
 public:
  // `repeated`: called when a repeat has been put into the queue.
  Ps2Keyboard(Clock& clock, std::function<void()> repeated);

  // A key by its set 1 make code (0x01..0x7f), `extended` for those with the prefix 0xe0. False: not taken,
  // as the guest has turned scanning off, the queue is full or there is no such key.
  bool key(u8 set1_code, bool extended, bool down);
  bool pause();  // Pause has no release of its own

  void receive(u8 byte) override;
  u8 leds() const { return leds_; }  // bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock

  void reset();
  void fields(Fields& fields);

 private:
  void set_defaults();
  void argument(u8 command, u8 value);
  bool make(u8 set1_code, bool extended);
  void repeat();
  void hold_no_key();

  u8 command_ = 0;  // the command that waits for its argument; 0: none
  u8 set_ = 2, leds_ = 0, typematic_ = 0x2b;
  bool scanning_ = true;
  // The key that repeats, by its set 1 code; 0: none.
  u8 held_ = 0;
  bool held_extended_ = false;
  Clock& clock_;
  Timer timer_;
  std::function<void()> repeated_;
};

}  // namespace ringside
