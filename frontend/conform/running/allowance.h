// Owns the time that a process may use: the processor's, not that of a clock on the wall.
#pragma once

namespace ringside::conform {

// A host that is busy lets a process wait, which is not its fault: so the processor's time counts. One that
// sleeps for as long as it is allowed, and takes next to none of the processor's time, has used all up as
// well.
class Allowance {
 public:
  // In seconds. `allowed` of the processor's time from now on, 0: without end; `age` and `used` since the
  // process began: by the host's clock, and of the processor's time.
  Allowance(double allowed, double age, double used)
      : allowed_(allowed), from_(used), awake_at_(age), awake_used_(used) {}
  bool limited() const { return allowed_ > 0; }
  // Asked again and again. `asleep`: it waits for something else than the processor.
  bool used_up(double age, double used, bool asleep) {
    constexpr double of_a_sleeper = 0.005;
    if (used - from_ > allowed_) return true;
    if (asleep && used - awake_used_ < of_a_sleeper * allowed_) return age - awake_at_ > allowed_;
    awake_at_ = age;
    awake_used_ = used;
    return false;
  }

 private:
  double allowed_, from_;
  double awake_at_, awake_used_;  // when it was last seen awake
};

}  // namespace ringside::conform
