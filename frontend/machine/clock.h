// Owns the machine's virtual time: ticks that follow from retired instructions and from jumps over idle time.
#pragma once

#include <vector>

#include "cpu/exec/engine/run.h"

namespace ringside {

// One instruction is one tick of the time-stamp counter, and what it spends beside: port accesses and
// repeated string instructions take as long as on a PC. While a CPU runs, the time is exact to its
// instruction.
class MachineClock final : public Clock {
 public:
  static constexpr Ticks never = ~Ticks{0};

  explicit MachineClock(u64 hertz) : hertz_(hertz) {}

  Ticks now() const override { return running_ ? base_ + (ringside::retired(*running_) - start_) : base_; }
  u64 frequency() const override { return hertz_; }
  void spend(Ticks ticks) override;

  // Around each run of a CPU.
  void begin(Cpu& cpu);
  void end();
  // Nobody has anything to do until then.
  void jump_to(Ticks when) { base_ = when > base_ ? when : base_; }

  Ticks next_deadline() const { return next_; }
  // Fires what is due, earliest first; of equals, the one that was made first.
  void fire_due();

  void fields(Fields& visit);

 private:
  void add(Timer& timer) override { timers_.push_back(&timer); }
  void remove(Timer& timer) override;
  void changed(Timer& timer) override;
  void find_next();
  void end_run_by_deadline();

  u64 hertz_;
  Ticks base_ = 0;
  Cpu* running_ = nullptr;
  u64 start_ = 0;  // what running_ had retired when it began
  std::vector<Timer*> timers_;
  Ticks next_ = never;
};

}  // namespace ringside
