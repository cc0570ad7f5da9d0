// Owns the behaviour of the high-precision event timers.
#include "devices/hpet/hpet.h"

#include <algorithm>

#include "devices/bus/timer_fields.h"

namespace ringside {

Hpet::Hpet(Clock& clock, HpetRouting& routing)
    : clock_(clock), routing_(routing), alarm_(clock, "hpet", [this] {
        catch_up();
        schedule();
      }) {}

void Hpet::reset(ResetKind) {
  for (unsigned i = 0; i < timers; ++i) drive(i, false);
  if (config_ & Config::legacy) routing_.legacy_replacement(false);
  config_ = status_ = stopped_at_ = started_ = seen_ = 0;
  comparators_ = {};
  schedule();
}

u64 Hpet::counter() const {
  return enabled() ? stopped_at_ + (clock_.periods_in(clock_.now(), hertz) - started_) : stopped_at_;
}

// --- Interrupts ---

void Hpet::drive(unsigned index, bool level) {
  Comparator& timer = comparators_[index];
  if (timer.line == level) return;
  timer.line = level;
  if ((config_ & Config::legacy) && index < 2) {
    routing_.set_legacy(index == 0 ? 0 : 8, level);
  } else {
    routing_.set_gsi(timer.gsi(), level);
  }
}

void Hpet::pulse(unsigned index) {
  drive(index, false);
  drive(index, true);
}

void Hpet::update_level(unsigned index) {
  const Comparator& timer = comparators_[index];
  if (!(timer.config & Tn::enable) || (timer.config & Tn::fsb)) return drive(index, false);
  if (timer.config & Tn::level) drive(index, ((status_ >> index) & 1) != 0);
}

// --- Time ---

// Lets every comparator have the matches between the last look and now. Several matches of a periodic one
// since then make one interrupt: nobody could have seen the others.
void Hpet::catch_up() {
  const u64 now = counter();
  const u64 passed = now - seen_;
  for (unsigned i = 0; enabled() && passed != 0 && i < timers; ++i) {
    Comparator& timer = comparators_[i];
    // The counter went through seen_+1 .. now; a match is at distance 1..passed.
    const u64 distance = ((timer.value - seen_ - 1) & timer.mask()) + 1;
    if (distance == 0 || distance > passed) continue;
    if (timer.config & Tn::periodic) {
      const u64 period = timer.period & timer.mask();
      if (period != 0)
        timer.value = (timer.value + ((passed - distance) / period + 1) * period) & timer.mask();
    }
    if (timer.config & Tn::fsb) {
      if (timer.config & Tn::enable)
        routing_.send_message(HostPhys(timer.message >> 32), static_cast<u32>(timer.message));
    } else if (timer.config & Tn::level) {
      status_ |= bit(i);
      update_level(i);
    } else if (timer.config & Tn::enable) {
      pulse(i);
    }
  }
  seen_ = now;
}

void Hpet::schedule() {
  u64 nearest = ~u64{0};
  for (const Comparator& timer : comparators_) {
    if (!(timer.config & Tn::enable)) continue;
    const u64 distance = (timer.value - seen_ - 1) & timer.mask();
    nearest = std::min(nearest, distance);
  }
  // A match that is centuries away comes after the end of any run.
  if (!enabled() || nearest >= u64{1} << 56) return alarm_.disarm();
  alarm_.arm(clock_.ticks_of(started_ + (seen_ - stopped_at_) + nearest + 1, hertz));
}

// --- Registers ---

u64 Hpet::read_register(u64 offset) {
  switch (offset) {
    case 0x000: return capabilities();
    case 0x010: return config_;
    case 0x020: return status_;
    case 0x0f0: return counter();
    default: break;
  }
  if (offset < 0x100 || offset >= 0x100 + 0x20 * timers) return 0;
  const Comparator& timer = comparators_[(offset - 0x100) / 0x20];
  switch (offset & 0x18) {
    case 0x00: return u64{allowed_gsis} << 32 | timer.config;
    case 0x08: return timer.value & timer.mask();
    case 0x10: return timer.message;
    default: return 0;
  }
}

u64 Hpet::mmio_read(u64 offset, unsigned size) {
  catch_up();
  const u64 low = read_register(offset & ~u64{7});
  const unsigned shift = static_cast<unsigned>(offset & 7) * 8;
  u64 value = low >> shift;
  if (shift + size * 8 > 64) value |= read_register((offset & ~u64{7}) + 8) << (64 - shift);
  return size == 8 ? value : value & bit_range(0, size * 8 - 1);
}

void Hpet::mmio_write(u64 offset, unsigned size, u64 value) {
  if ((size != 4 && size != 8) || offset % size != 0) return;
  catch_up();
  write_register(offset, size, value);
  schedule();
}

void Hpet::write_register(u64 offset, unsigned size, u64 value) {
  const unsigned shift = static_cast<unsigned>(offset & 4) * 8;
  const u64 mask = size == 8 ? ~u64{0} : u64{0xffffffff} << shift;
  const u64 bits = (value << shift) & mask;
  const u64 at = offset & ~u64{7};
  switch (at) {
    case 0x010: return write_config((config_ & ~mask) | bits);
    case 0x020:
      status_ &= ~bits;
      for (unsigned i = 0; i < timers; ++i) update_level(i);
      return;
    case 0x0f0:
      stopped_at_ = (counter() & ~mask) | bits;
      started_ = clock_.periods_in(clock_.now(), hertz);
      seen_ = stopped_at_;
      return;
    default: break;
  }
  if (at < 0x100 || at >= 0x100 + 0x20 * timers) return;
  const unsigned index = static_cast<unsigned>((at - 0x100) / 0x20);
  if ((at & 0x18) == 0x00) return write_timer_config(index, (comparators_[index].config & ~mask) | bits);
  if ((at & 0x18) == 0x08) write_comparator(index, bits, mask);
  if ((at & 0x18) == 0x10) comparators_[index].message = (comparators_[index].message & ~mask) | bits;
}

void Hpet::write_config(u64 value) {
  value &= Config::enable | Config::legacy;
  const u64 changed = value ^ config_;
  if (changed & Config::legacy) {
    drive(0, false);
    drive(1, false);
  }
  stopped_at_ = counter();
  started_ = clock_.periods_in(clock_.now(), hertz);
  config_ = value;
  seen_ = stopped_at_;
  if (changed & Config::legacy) {
    routing_.legacy_replacement((value & Config::legacy) != 0);
    update_level(0);
    update_level(1);
  }
}

void Hpet::write_timer_config(unsigned index, u64 value) {
  Comparator& timer = comparators_[index];
  u32 next = (static_cast<u32>(value) & Tn::writable) | Tn::fixed;
  // A route that the timer has not got is not taken over; software reads back to find out.
  if (!((allowed_gsis >> ((next & Tn::route) >> 9)) & 1))
    next = (next & ~Tn::route) | (timer.config & Tn::route);
  if ((next ^ timer.config) & (Tn::route | Tn::level | Tn::fsb)) drive(index, false);
  if (!(next & Tn::level)) status_ &= ~bit(index);
  timer.config = next;
  timer.value &= timer.mask();
  timer.period &= timer.mask();
  update_level(index);
}

void Hpet::write_comparator(unsigned index, u64 value, u64 mask) {
  Comparator& timer = comparators_[index];
  const bool periodic = (timer.config & Tn::periodic) != 0;
  const auto merge = [&](u64 old) { return ((old & ~mask) | value) & timer.mask(); };
  // A periodic timer's write is its period; with the set-value bit it is the first match as well.
  if (!periodic || (timer.config & Tn::set_value)) timer.value = merge(timer.value);
  if (periodic) timer.period = merge(timer.period);
  timer.config &= ~u32{Tn::set_value};
}

void Hpet::fields(Fields& fields) {
  fields.group("hpet");
  fields("config", config_);
  fields("status", status_);
  fields("stopped_at", stopped_at_);
  fields("started", started_);
  fields("seen", seen_);
  for (Comparator& timer : comparators_) {
    fields.group("timer");
    fields("config", timer.config);
    fields("value", timer.value);
    fields("period", timer.period);
    fields("message", timer.message);
    fields("line", timer.line);
    fields.end();
  }
  timer_fields(fields, alarm_);
  fields.end();
}

}  // namespace ringside
