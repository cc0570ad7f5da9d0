// Owns what the 8254 does, by Intel's data sheet: the modes 0 and 4 count once, 2 and 3 again and again. BCD
// and mode 1 and 5, which wait for a gate, are not there.
#include "roms/kit/chips/pit.h"

namespace kit {

u16 Pit::value(const Channel& c, u64 time) {
  if (!c.counting) return c.count;
  const u64 passed = time - c.begin;
  if (!repeats(c)) return static_cast<u16>(period(c) - passed);
  const u64 inside = passed % period(c);
  // Mode 3 counts by twos, twice for each period.
  return static_cast<u16>(c.mode == 2 ? period(c) - inside : period(c) - 2 * inside % period(c));
}

bool Pit::output(const Channel& c, u64 time) {
  if (!c.counting) return c.mode != 0;
  const u64 passed = time - c.begin;
  if (c.mode == 0) return passed >= period(c);
  if (c.mode == 4) return passed != period(c);
  const u64 inside = passed % period(c);
  return c.mode == 2 ? inside != period(c) - 1 : inside < (period(c) + 1) / 2;
}

void Pit::load(unsigned number, u16 count, u64 time) {
  Channel& c = channels_[number];
  c.count = count;
  c.begin = time;
  c.counting = number != 2 || gate2_;
  if (number == 0) next_ = time + period(c);
}

void Pit::control(u8 word, u64 time) {
  const u8 number = word >> 6;
  if (number == 3) return;  // read-back is not there
  Channel& c = channels_[number];
  const u8 access = word >> 4 & 3;
  if (access == 0) {  // latch
    if (!c.latched) c.latch = value(c, time);
    c.latched = true;
    return;
  }
  c = {};
  c.access = access;
  c.mode = word >> 1 & 7;
  if (c.mode > 5) c.mode -= 4;  // only the two lower bits count
  if (number == 0) next_ = ~0ul;
}

void Pit::out(u16 port, u8 value, u64 time) {
  if (port == 0x43) return control(value, time);
  if (port == 0x61) {
    speaker_ = value & 2;
    Channel& c = channels_[2];
    if ((value & 1) && !gate2_) {
      c.begin = time;
      c.counting = true;
    }
    gate2_ = value & 1;
    return;
  }
  Channel& c = channels_[port & 3];
  if (c.access == 1) return load(port & 3, value, time);
  if (c.access == 2) return load(port & 3, static_cast<u16>(value << 8), time);
  if (c.second_byte)
    load(port & 3, static_cast<u16>(value << 8 | c.low_byte), time);
  else
    c.low_byte = value;
  c.second_byte = !c.second_byte;
}

u8 Pit::in(u16 port, u64 time) {
  if (port == 0x43) return 0xff;
  if (port == 0x61) {
    // Bit 4 changes with each refresh of memory, about every 15 microseconds.
    return static_cast<u8>((gate2_ ? 1 : 0) | (speaker_ ? 2 : 0) | (time / 18 & 1) << 4 |
                           (output(channels_[2], time) ? 0x20 : 0));
  }
  Channel& c = channels_[port & 3];
  const u16 count = c.latched ? c.latch : value(c, time);
  const bool high = c.access == 2 || (c.access == 3 && c.second_byte);
  if (c.access == 3) c.second_byte = !c.second_byte;
  if (c.access != 3 || high) c.latched = false;
  return static_cast<u8>(high ? count >> 8 : count);
}

void Pit::interrupted(u64 time) {
  const Channel& c = channels_[0];
  next_ = ~0ul;
  // Periods that nobody saw are lost, as on a PC whose interrupts are disabled for too long.
  if (c.counting && repeats(c)) next_ = c.begin + ((time - c.begin) / period(c) + 1) * period(c);
}

}  // namespace kit
