// Owns the registers of the clock, in BCD and 24 hours.
#include "roms/kit/chips/rtc.h"

namespace kit {
namespace {

constexpr u64 day = 86400;

u8 bcd(u64 number) { return static_cast<u8>(number / 10 % 10 << 4 | number % 10); }

struct Date {
  u64 year, month, day;
};

// Counted in years that begin in March, so that the leap day is the last one.
Date date_of(u64 days_since_1970) {
  const u64 days = days_since_1970 + 719468;  // from 0000-03-01 on
  const u64 era = days / 146097, of_era = days % 146097;
  const u64 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const u64 of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
  const u64 real_month = month < 10 ? month + 3 : month - 9;
  return {year + era * 400 + (real_month <= 2 ? 1 : 0), real_month, of_year - (153 * month + 2) / 5 + 1};
}

}  // namespace

u8 Rtc::in(u16 port, u64 time) const {
  if (port == 0x70) return 0xff;
  const Date date = date_of(time / day);
  switch (index_) {
    case 0: return bcd(time % 60);
    case 2: return bcd(time / 60 % 60);
    case 4: return bcd(time % day / 3600);
    case 6: return bcd((time / day + 4) % 7 + 1);  // 1 is Sunday; 1970 began on a Thursday
    case 7: return bcd(date.day);
    case 8: return bcd(date.month);
    case 9: return bcd(date.year);
    case 0x32: return bcd(date.year / 100);
    case 0xa: return 0x26;  // the usual divider; no update is in progress
    case 0xb: return 2;     // BCD, 24 hours, no interrupts
    case 0xc: return 0;
    case 0xd: return 0x80;  // the battery is good
    default: return memory_[index_];
  }
}

void Rtc::out(u16 port, u8 value) {
  if (port == 0x70)
    index_ = value & 0x7f;
  else
    memory_[index_] = value;
}

}  // namespace kit
