// Owns how long a silent peer is waited for.
#pragma once

namespace ringside {

// A busy host lets a peer wait, which is not its fault: the processor's time counts. A peer that sleeps uses
// none, and one that dozes, as QEMU does with a halted guest whose clock goes on, next to none: there the
// host's time counts, for as long as it lasts.
class Patience {
 public:
  // In seconds: `allowed` from now on; `now` by the host's clock, `used` of the processor's time so far.
  Patience(double allowed, double now, double used) : left_(allowed), now_(now), used_(used) {}
  // Asked again and again. `asleep`: none of its threads wants the processor at this moment.
  bool used_up(double now, double used, bool asleep) {
    constexpr double awake = 0.5;  // of the time since it was looked at
    const bool dozes = asleep && used - used_ < awake * (now - now_);
    left_ -= dozes ? now - now_ : used - used_;
    now_ = now;
    used_ = used;
    return left_ < 0;
  }

 private:
  double left_, now_, used_;  // the last two: when it was looked at
};

}  // namespace ringside
