// Owns the arithmetic of the 8254's six counting modes.
#include "devices/pit/pit_channel.h"

namespace ringside {

namespace {
u16 to_bcd(u32 value) {
  u32 result = 0;
  for (unsigned shift = 0; shift < 16; shift += 4, value /= 10) result |= (value % 10) << shift;
  return static_cast<u16>(result);
}
}  // namespace

u32 PitChannel::period_of(u16 raw) const {
  if (!bcd_) return raw ? raw : 0x10000;
  const u32 value = (raw >> 12) * 1000u + ((raw >> 8) & 15) * 100u + ((raw >> 4) & 15) * 10u + (raw & 15);
  return value ? value : 10000;
}

// --- Time ---

void PitChannel::load(u64 at) {
  count_ = period_of(reload_);
  start_ = at;
  elapsed_ = 0;
  load_at_ = never;
  loaded_ = true;
  second_half_ = false;
  null_count_ = false;
  frozen_ = gated() && !gate_;
}

void PitChannel::unload() {
  shown_ = counting_element();
  loaded_ = false;
}

void PitChannel::run_to(u64 now) {
  if (now < now_) now = now_;
  if (load_at_ <= now) load(load_at_);
  now_ = now;
  if (!loaded_ || frozen_ || !periodic()) return;

  // The count that is being counted ends first; then the count register's takes over.
  const auto span = [&] { return mode_ == 2 ? count_ : second_half_ ? count_ / 2 : high_half(); };
  for (int boundary = 0; boundary < 2 && now - start_ >= span(); ++boundary) {
    start_ += span();
    if (mode_ == 3) second_half_ = !second_half_;
    count_ = period_of(reload_);
    null_count_ = false;
  }
  if (now - start_ >= count_) start_ += (now - start_) / count_ * count_;
  while (now - start_ >= span()) {
    start_ += span();
    second_half_ = !second_half_;
  }
}

u64 PitChannel::next_event() const {
  u64 event = load_at_;
  const auto at_most = [&](u64 when) { event = when < event ? when : event; };
  if (!loaded_ || frozen_) return event;
  const u64 e = now_ - start_;
  switch (mode_) {
    case 0:
    case 1:
      if (e < count_) at_most(start_ + count_);
      break;
    case 2:
      // A count of 1 is not allowed: OUT then never moves.
      if (count_ > 1) at_most(e + 1 < count_ ? start_ + count_ - 1 : start_ + count_);
      break;
    case 3:
      if (count_ > 1) at_most(start_ + (second_half_ ? count_ / 2 : high_half()));
      break;
    case 4:
    case 5:
      if (e < count_) {
        at_most(start_ + count_);
      } else if (e == count_) {
        at_most(start_ + count_ + 1);
      }
      break;
    default: break;
  }
  return event;
}

bool PitChannel::out() const {
  const u64 e = elapsed();
  switch (mode_) {
    case 0: return loaded_ && e >= count_;
    case 1: return !loaded_ || e >= count_;
    case 2: return !gate_ || !loaded_ || frozen_ || e + 1 != count_;
    case 3: return !gate_ || !loaded_ || frozen_ || !second_half_;
    case 4:
    case 5: return !loaded_ || e != count_;
    default: return false;
  }
}

u16 PitChannel::counting_element() const {
  if (!loaded_) return shown_;
  const u64 e = elapsed();
  const u32 modulus = bcd_ ? 10000 : 0x10000;
  u32 value;
  if (mode_ == 3) {
    value = (count_ & ~1u) - 2 * static_cast<u32>(e);
  } else if (mode_ == 2) {
    value = count_ - static_cast<u32>(e);
  } else {
    value = count_ + modulus - static_cast<u32>(e % modulus);
  }
  value %= modulus;
  return bcd_ ? to_bcd(value) : static_cast<u16>(value);
}

void PitChannel::freeze(bool stop) {
  if (stop == frozen_ || !loaded_) return;
  if (stop) {
    elapsed_ = now_ - start_;
  } else {
    start_ = now_ - elapsed_;
  }
  frozen_ = stop;
}

// --- The pins and the bus ---

void PitChannel::set_gate(u64 now, bool level) {
  run_to(now);
  if (level == gate_) return;
  gate_ = level;
  if (mode_ == 0 || mode_ == 4) return freeze(!level);
  if (!level) {
    if (periodic()) freeze(true);
    return;
  }
  // A rising GATE is the trigger of modes 1 and 5, and starts the periodic modes anew.
  if (programmed() && count_given_) load_at_ = now_ + 1;
}

void PitChannel::write_control(u64 now, u8 access, u8 mode, bool bcd) {
  run_to(now);
  unload();
  access_ = access;
  mode_ = mode > 5 ? mode & 3 : mode;
  bcd_ = bcd;
  frozen_ = second_half_ = count_given_ = false;
  load_at_ = never;
  null_count_ = true;
  write_high_ = read_high_ = count_latched_ = latch_high_ = status_latched_ = false;
}

void PitChannel::count_written(u64 now) {
  null_count_ = count_given_ = true;
  if (triggered()) return;            // waits for the trigger
  if (periodic() && loaded_) return;  // waits for the end of the period
  if (mode_ == 0) unload();           // OUT goes low with the write
  load_at_ = now + 1;
}

void PitChannel::write_count(u64 now, u8 value) {
  run_to(now);
  if (!programmed()) return;
  switch (access_) {
    case 1: reload_ = value; break;
    case 2: reload_ = static_cast<u16>(value << 8); break;
    default:
      if (!write_high_) {
        low_byte_ = value;
        write_high_ = true;
        if (mode_ == 0) {
          // The first byte stops the counting and takes OUT low.
          unload();
          load_at_ = never;
        }
        return;
      }
      write_high_ = false;
      reload_ = static_cast<u16>(value << 8 | low_byte_);
      break;
  }
  count_written(now_);
}

void PitChannel::latch_count(u64 now) {
  run_to(now);
  if (count_latched_) return;
  latch_ = counting_element();
  count_latched_ = true;
  latch_high_ = access_ == 2;
}

void PitChannel::latch_status(u64 now) {
  run_to(now);
  if (status_latched_) return;
  const u8 shown = programmed() ? mode_ : 0;
  status_ = static_cast<u8>((out() ? 0x80 : 0) | (null_count_ ? 0x40 : 0) | access_ << 4 | shown << 1 |
                            (bcd_ ? 1 : 0));
  status_latched_ = true;
}

u8 PitChannel::read(u64 now) {
  run_to(now);
  if (status_latched_) {
    status_latched_ = false;
    return status_;
  }
  if (count_latched_) {
    const u8 value = static_cast<u8>(latch_high_ ? latch_ >> 8 : latch_);
    count_latched_ = access_ == 3 && !latch_high_;
    latch_high_ = count_latched_;
    return value;
  }
  const u16 value = counting_element();
  bool high = access_ == 2;
  if (access_ == 3) {
    high = read_high_;
    read_high_ = !read_high_;
  }
  return static_cast<u8>(high ? value >> 8 : value);
}

void PitChannel::fields(Fields& fields) {
  fields("now", now_);
  fields("start", start_);
  fields("elapsed", elapsed_);
  fields("load_at", load_at_);
  fields("count", count_);
  fields("reload", reload_);
  fields("latch", latch_);
  fields("held", shown_);
  fields("mode", mode_);
  fields("access", access_);
  fields("status", status_);
  fields("low_byte", low_byte_);
  fields("bcd", bcd_);
  fields("gate", gate_);
  fields("frozen", frozen_);
  fields("loaded", loaded_);
  fields("second_half", second_half_);
  fields("null_count", null_count_);
  fields("count_given", count_given_);
  fields("write_high", write_high_);
  fields("read_high", read_high_);
  fields("count_latched", count_latched_);
  fields("latch_high", latch_high_);
  fields("status_latched", status_latched_);
  if (count_ == 0) count_ = 0x10000;  // a snapshot is data from outside: nothing is divided by its zero
}

}  // namespace ringside
