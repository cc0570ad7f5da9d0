// Owns the clock of a PC, the MC146818 with its CMOS memory, as a hypervisor shows it to its guest: the date
// can be read, and interrupts do not come.
#pragma once

#include "roms/kit/types.h"

namespace kit {

class Rtc {
 public:
  static bool has_port(u16 port) { return port == 0x70 || port == 0x71; }
  // `time` is in seconds since 1970-01-01 0:00 UTC.
  u8 in(u16 port, u64 time) const;
  void out(u16 port, u8 value);

 private:
  u8 index_ = 0;
  u8 memory_[128] = {};
};

}  // namespace kit
