// Owns the time that a process may use: the processor's, not that of a clock on the wall.
#pragma once

namespace ringside::conform {

// A host that is busy lets a process wait, which is not its fault: so the processor's time counts. One that
// has taken next to none of it in as long a time as it is allowed sleeps, and has used all up as well.
class Allowance {
 public:
  // In seconds. `allowed` of the processor's time from now on, 0: without end; `age` and `used` since the
  // process began: by the host's clock, and of the processor's time.
  Allowance(double allowed, double age, double used)
      : allowed_(allowed), from_(used), looked_at_(age), looked_used_(used) {}
  bool limited() const { return allowed_ > 0; }
  bool used_up(double age, double used) {
    constexpr double of_a_sleeper = 0.005;
    if (used - from_ > allowed_) return true;
    if (age - looked_at_ <= allowed_) return false;
    const bool sleeps = used - looked_used_ < of_a_sleeper * allowed_;
    looked_at_ = age;
    looked_used_ = used;
    return sleeps;
  }

 private:
  double allowed_, from_, looked_at_, looked_used_;
};

}  // namespace ringside::conform
