// Owns the 8254 timer of a PC with the bits of port 61H that belong to it, as a hypervisor shows them to its
// guest. It has no time of its own: each call says what time it is, in the PIT's counts (1,193,182 a second).
#pragma once

#include "roms/kit/types.h"

namespace kit {

constexpr u64 pit_counts_a_second = 1'193'182;

class Pit {
 public:
  static bool has_port(u16 port) { return (port >= 0x40 && port <= 0x43) || port == 0x61; }
  u8 in(u16 port, u64 time);
  void out(u16 port, u8 value, u64 time);

  // When channel 0 raises interrupt line 0 next; ~0: never. The owner asks again after each out(), and calls
  // interrupted() once that time is over.
  u64 next_interrupt() const { return next_; }
  void interrupted(u64 time);

 private:
  struct Channel {
    u16 count;         // as it was written; 0 means 65536
    u8 access, mode;   // as in the control word: 1 low byte, 2 high byte, 3 both
    bool second_byte;  // the next access with both bytes is the high one
    u8 low_byte;       // of a count that is half written
    bool counting, latched;
    u16 latch;
    u64 begin;  // when it began to count
  };

  static u64 period(const Channel& c) { return c.count ? c.count : 0x10000; }
  static bool repeats(const Channel& c) { return c.mode == 2 || c.mode == 3; }
  static u16 value(const Channel& c, u64 time);
  static bool output(const Channel& c, u64 time);
  void control(u8 word, u64 time);
  void load(unsigned number, u16 count, u64 time);

  Channel channels_[3] = {};
  bool gate2_ = false, speaker_ = false;
  u64 next_ = ~0ul;
};

}  // namespace kit
