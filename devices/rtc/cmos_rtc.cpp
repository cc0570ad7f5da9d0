// Owns the behaviour of the real-time clock: its calendar, its three interrupts and its two ports.
#include "devices/rtc/cmos_rtc.h"

#include <algorithm>
#include <chrono>

#include "devices/bus/timer_fields.h"

namespace ringside {

CmosRtc::CmosRtc(Clock& clock, IrqLine& irq8, s64 seconds_since_1970)
    : clock_(clock), irq8_(irq8), first_second_(seconds_since_1970), timer_(clock, "rtc", [this] {
        catch_up();
        update();
      }) {
  fill_registers();
}

void CmosRtc::fill_registers() {
  registers_ = {};
  registers_[a] = 0x26;  // 32,768 Hz, 1,024 periodic interrupts a second, as the BIOS leaves it
  registers_[b] = B::h24;
  registers_[d] = 0x80;  // the battery is good
  start_date(first_second_);
  divider_start_ = seen_ = crystal();
}

void CmosRtc::reset(ResetKind kind) {
  if (kind == ResetKind::power_on) fill_registers();
  catch_up();
  registers_[b] &= static_cast<u8>(~(B::pie | B::aie | B::uie | B::sqwe));
  registers_[c] = 0;
  index_ = 0;
  update();
}

// --- The calendar ---

u8 CmosRtc::decode(u8 raw) const {
  return (registers_[b] & B::binary) ? raw : static_cast<u8>((raw >> 4) * 10 + (raw & 15));
}

u8 CmosRtc::encode(u8 value) const {
  return (registers_[b] & B::binary) ? value : static_cast<u8>((value / 10 % 10) << 4 | value % 10);
}

void CmosRtc::start_date(s64 seconds_since_1970) {
  using namespace std::chrono;
  const s64 latest = sys_days(std::chrono::year(2200) / 1 / 1).time_since_epoch().count() * s64{86400} - 1;
  const s64 clamped = std::clamp<s64>(seconds_since_1970, 0, latest);
  const sys_days date{days{clamped / 86400}};
  const year_month_day ymd{date};
  const unsigned second_of_day = static_cast<unsigned>(clamped % 86400);
  const int full_year = static_cast<int>(ymd.year());
  registers_[seconds] = encode(static_cast<u8>(second_of_day % 60));
  registers_[minutes] = encode(static_cast<u8>(second_of_day / 60 % 60));
  registers_[hours] = encode(static_cast<u8>(second_of_day / 3600));
  registers_[weekday] = encode(static_cast<u8>(std::chrono::weekday{date}.c_encoding() + 1));  // Sunday is 1
  registers_[day] = encode(static_cast<u8>(static_cast<unsigned>(ymd.day())));
  registers_[month] = encode(static_cast<u8>(static_cast<unsigned>(ymd.month())));
  registers_[year] = encode(static_cast<u8>(full_year % 100));
  registers_[century_register] = static_cast<u8>(full_year / 1000 << 4 | full_year / 100 % 10);
}

u8 CmosRtc::next_hour(u8 raw, bool& carry) const {
  if (registers_[b] & B::h24) {
    const u8 hour = decode(raw);
    carry = hour >= 23;
    return encode(carry ? 0 : static_cast<u8>(hour + 1));
  }
  const bool pm = (raw & 0x80) != 0;
  const u8 hour = decode(raw & 0x7f);
  const u8 next = hour >= 12 ? 1 : static_cast<u8>(hour + 1);
  carry = next == 12 && pm;
  const bool next_pm = next == 12 ? !pm : pm;
  return static_cast<u8>(encode(next) | (next_pm ? 0x80 : 0));
}

unsigned CmosRtc::days_in_month() const {
  static constexpr std::array<u8, 13> lengths{31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const u8 number = decode(registers_[month]);
  // The chip knows two digits of the year only.
  if (number == 2 && decode(registers_[year]) % 4 == 0) return 29;
  return lengths[number <= 12 ? number : 0];
}

void CmosRtc::next_day() {
  const auto step = [this](Register which, unsigned last, u8 first) {
    const u8 value = decode(registers_[which]);
    const bool carry = value >= last;
    registers_[which] = encode(carry ? first : static_cast<u8>(value + 1));
    return carry;
  };
  step(weekday, 7, 1);
  if (!step(day, days_in_month(), 1) || !step(month, 12, 1) || !step(year, 99, 0)) return;
  const u8 century = registers_[century_register];
  const unsigned next = (century >> 4) * 10u + (century & 15) + 1;
  registers_[century_register] = static_cast<u8>((next / 10 % 10) << 4 | next % 10);
}

void CmosRtc::next_second() {
  for (const Register which : {seconds, minutes}) {
    const u8 value = decode(registers_[which]);
    registers_[which] = encode(value >= 59 ? 0 : static_cast<u8>(value + 1));
    if (value < 59) return;
  }
  bool carry = false;
  registers_[hours] = next_hour(registers_[hours], carry);
  if (carry) next_day();
}

bool CmosRtc::alarm_matches() const {
  for (const Register which : {seconds, minutes, hours}) {
    const u8 alarm = registers_[which + 1];
    if ((alarm & 0xc0) != 0xc0 && alarm != registers_[which]) return false;  // 0xc0 and above match anything
  }
  return true;
}

// --- Time ---

u64 CmosRtc::rate_period() const {
  const unsigned rate = registers_[a] & 15;
  if (rate == 0 || !divider_runs()) return 0;
  return rate <= 2 ? u64{64} << rate
                   : u64{1} << (rate - 1);  // the two fastest settings repeat 256 and 128 Hz
}

void CmosRtc::catch_up() {
  const u64 now = crystal();
  if (divider_runs() && now > seen_) {
    const auto crossed = [&](u64 period) {
      // divider_start_ may lie ahead: the first second after the divider's release is half a second away.
      const u64 bias = crystal_hz;
      return (now + bias - divider_start_ % bias) / period - (seen_ + bias - divider_start_ % bias) / period;
    };
    if (const u64 period = rate_period(); period && crossed(period)) registers_[c] |= C::pf;
    if (u64 due = crossed(crystal_hz); due && updates()) {
      registers_[c] |= C::uf;
      constexpr u64 day_seconds = 86400;
      // The first day goes second by second, which shows every alarm there can be; the rest by whole days.
      const u64 days = due > 2 * day_seconds ? due / day_seconds - 1 : 0;
      due -= days * day_seconds;
      for (; due; --due) {
        next_second();
        if (alarm_matches()) registers_[c] |= C::af;
      }
      for (u64 i = 0; i < days; ++i) next_day();
    }
  }
  seen_ = now;
}

bool CmosRtc::update_in_progress() const {
  if (!updates()) return false;
  // UIP rises 244 microseconds before an update, which takes 1,984 itself; the date changes at its end.
  const u64 into = (seen_ + crystal_hz - divider_start_ % crystal_hz) % crystal_hz;
  return into >= crystal_hz - (8 + 65);
}

void CmosRtc::update() {
  const u8 enabled = registers_[b] & (B::pie | B::aie | B::uie);
  const u8 flags = registers_[c] & enabled;
  registers_[c] = static_cast<u8>((registers_[c] & 0x7f) | (flags ? C::irqf : 0));
  irq8_.set(flags != 0);

  u64 next = ~u64{0};
  const auto upcoming = [&](u64 period) {
    const u64 biased = seen_ + crystal_hz - divider_start_ % crystal_hz;
    next = std::min(next, seen_ + period - biased % period);
  };
  const u8 wanted = enabled & static_cast<u8>(~registers_[c]);  // a flag that is up already changes nothing
  if (const u64 period = rate_period(); period && (wanted & B::pie)) upcoming(period);
  if (updates() && (wanted & (B::uie | B::aie))) upcoming(crystal_hz);
  if (next == ~u64{0}) return timer_.disarm();
  timer_.arm(clock_.ticks_of(next, crystal_hz));
}

// --- The ports and the RAM ---

u32 CmosRtc::io_read(u16 offset, unsigned) {
  if (!(offset & 1)) return 0xff;  // the index cannot be read
  const u8 index = index_ & 0x7f;
  catch_up();
  u8 value = registers_[index];
  if (index == a && update_in_progress()) value |= 0x80;
  if (index == c) {
    update();  // IRQF belongs to what is read
    value = registers_[c];
    registers_[c] = 0;
  }
  update();
  return value;
}

void CmosRtc::io_write(u16 offset, unsigned, u32 wide) {
  const u8 value = static_cast<u8>(wide);
  if (!(offset & 1)) {
    index_ = value;
    return;
  }
  catch_up();
  switch (const u8 index = index_ & 0x7f; index) {
    case a: {
      const bool ran = divider_runs();
      registers_[a] = value & 0x7f;
      if (!ran && divider_runs()) divider_start_ = seen_ + crystal_hz / 2;
      break;
    }
    case b: registers_[b] = (value & B::set) ? value & static_cast<u8>(~B::uie) : value; break;
    case c:
    case d: break;
    default: registers_[index] = value; break;
  }
  update();
}

void CmosRtc::set_ram(u8 index, u8 value) {
  if (index > d && index < registers_.size()) registers_[index] = value;
}

void CmosRtc::set_memory_size(u64 below_4g, u64 above_4g) {
  constexpr u64 kib = 1024, mib = 1024 * kib;
  const auto put = [this](u8 index, u64 value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i)
      set_ram(static_cast<u8>(index + i), static_cast<u8>(value >> (8 * i)));
  };
  const u64 extended = below_4g > mib ? std::min<u64>((below_4g - mib) / kib, 0xfc00) : 0;
  const u64 above_16m = below_4g > 16 * mib ? std::min<u64>((below_4g - 16 * mib) / (64 * kib), 0xffff) : 0;
  put(0x15, std::min<u64>(below_4g / kib, 640), 2);
  put(0x17, extended, 2);
  put(0x30, extended, 2);
  put(0x34, above_16m, 2);
  put(0x5b, std::min<u64>(above_4g / (64 * kib), 0xffffff), 3);
}

void CmosRtc::set_checksum() {
  u16 sum = 0;
  for (unsigned i = 0x10; i <= 0x2d; ++i) sum = static_cast<u16>(sum + registers_[i]);
  set_ram(0x2e, static_cast<u8>(sum >> 8));
  set_ram(0x2f, static_cast<u8>(sum));
}

void CmosRtc::fields(Fields& fields) {
  fields.group("rtc");
  fields("registers", registers_);
  fields("index", index_);
  fields("divider_start", divider_start_);
  fields("seen", seen_);
  timer_fields(fields, timer_);
  fields.end();
}

}  // namespace ringside
