// Owns the arithmetic of the local APIC's timer.
#include "devices/apic/apic_timer.h"

#include <utility>

#include "devices/bus/timer_fields.h"

namespace ringside {

ApicTimer::ApicTimer(Clock& clock, std::string name, u64 hertz, std::function<void()> expired)
    : clock_(clock),
      hertz_(hertz),
      expired_(std::move(expired)),
      timer_(clock, std::move(name), [this] { alarm(); }) {}

void ApicTimer::reset() {
  mode_ = Mode::OneShot;
  masked_ = true;
  running_ = false;
  initial_ = 0;
  divide_ = 0;
  start_ = 0;
  first_ = 0;
  deadline_ = 0;
  rearm();
}

unsigned ApicTimer::divisor() const {
  const unsigned code = ((divide_ >> 1) & 4) | (divide_ & 3);
  return 1u << ((code + 1) & 7);
}

u64 ApicTimer::elapsed() const { return clock_.periods_in(clock_.now() - start_, hertz_) / divisor(); }

u64 ApicTimer::next_zero() const {
  if (!running_) return 0;
  const u64 counts = elapsed();
  if (counts < first_) return first_;
  if (mode_ != Mode::Periodic) return 0;
  return first_ + ((counts - first_) / initial_ + 1) * initial_;
}

u32 ApicTimer::current_count() const {
  const u64 zero = next_zero();
  return zero == 0 ? 0 : static_cast<u32>(zero - elapsed());
}

void ApicTimer::configure(Mode mode, bool masked) {
  if (mode != mode_) {
    const bool counted = mode_ == Mode::OneShot || mode_ == Mode::Periodic;
    const bool counts = mode == Mode::OneShot || mode == Mode::Periodic;
    if (counted && counts) {
      // The countdown under way goes on; one that has ended in one-shot mode does not start again by itself.
      first_ = next_zero();
      running_ = first_ != 0;
    } else {
      running_ = false;
      initial_ = 0;
      deadline_ = 0;
    }
    mode_ = mode;
  }
  masked_ = masked;
  rearm();
}

void ApicTimer::set_initial_count(u32 count) {
  if (mode_ == Mode::TscDeadline) return;
  initial_ = count;
  first_ = count;
  start_ = clock_.now();
  running_ = count != 0 && mode_ != Mode::Reserved;
  rearm();
}

void ApicTimer::set_divide_configuration(u32 value) {
  const u32 divide = value & 0xb;
  if (divide == divide_) return;
  const u32 left = current_count();
  divide_ = divide;
  start_ = clock_.now();
  first_ = left;
  running_ = left != 0;
  rearm();
}

void ApicTimer::set_deadline(u64 tsc_value) {
  if (mode_ != Mode::TscDeadline) return;
  deadline_ = tsc_value;
  if (deadline_ != 0 && tsc() >= deadline_) {
    alarm();
  } else {
    rearm();
  }
}

void ApicTimer::set_tsc_offset(s64 offset) {
  offset_ = offset;
  rearm();
}

void ApicTimer::rearm() {
  const Ticks now = clock_.now();
  if (mode_ == Mode::TscDeadline) {
    if (deadline_ == 0) return timer_.disarm();
    const u64 left = tsc() >= deadline_ ? 0 : deadline_ - tsc();
    if (left > ~Ticks{0} - now) return timer_.disarm();  // beyond the end of time
    return timer_.arm(now + left);
  }
  // Nobody sees a masked count reach 0, so the clock need not stop for it.
  const u64 zero = masked_ ? 0 : next_zero();
  if (zero == 0) return timer_.disarm();
  timer_.arm(start_ + clock_.ticks_of(zero * divisor(), hertz_));
}

void ApicTimer::restored() {
  // A snapshot from outside may claim a periodic timer without a period.
  running_ = running_ && initial_ != 0;
}

void ApicTimer::alarm() {
  if (mode_ == Mode::TscDeadline) {
    if (deadline_ == 0) return;
    deadline_ = 0;
  }
  rearm();
  if (!masked_) expired_();
}

void ApicTimer::fields(Fields& fields) {
  fields.group("timer");
  fields("mode", mode_);
  fields("masked", masked_);
  fields("running", running_);
  fields("initial", initial_);
  fields("divide", divide_);
  fields("start", start_);
  fields("first", first_);
  fields("deadline", deadline_);
  fields("tsc_offset", offset_);
  timer_fields(fields, timer_);
  fields.end();
}

}  // namespace ringside
