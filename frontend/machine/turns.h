// Owns the turns of the CPUs: whose turn it is, how long it lasts, and whether anybody could run at all.
#pragma once

#include "cpu/arch/fields.h"

namespace ringside {

// The order of the turns is a matter of the guest's history alone: wherever the host ends a run of the
// machine, the turns go on in the next one as if the run had not ended.
class Turns {
 public:
  explicit Turns(unsigned cpus);

  unsigned cpu() const { return cpu_; }  // whose turn it is
  u64 left() const { return left_; }     // instructions left of the turn, at least 1

  // A run of the machine begins. Bit n of `still` is a CPU that has no turns in this run; not all CPUs.
  void begin_run(u32 still);

  // What became of the CPU whose turn it is.
  struct Stretch {
    u64 ran = 0;           // instructions retired, at most left()
    bool stopped = false;  // the host ended it, where the guest would have gone on or come to rest
    bool asleep = false;   // the CPU is not in the active state
  };
  // The turn goes on to the next CPU where this one's ended: its instructions are used up, or it rests.
  void spend(const Stretch& stretch);
  // The machine ended when the CPU whose turn it is had retired `ran` instructions: nothing follows.
  void end(u64 ran);

  // The turn began in this run with the last spend() or begin_run(); nothing of it has run.
  bool fresh() const { return fresh_; }
  // Somebody could not run when last asked.
  bool anybody_waits() const { return waiting_ != 0; }
  // Everybody who has turns was asked in a row, and could not run. Time has to go on for them: forget_waits.
  bool nobody_runs() const { return waiting_ >= takers_; }
  void forget_waits() { waiting_ = 0; }

  void fields(Fields& visit);

  // Instructions of a turn in the round of turns with this number.
  static u64 length(u64 round);

 private:
  void pass();

  unsigned cpus_, takers_;
  u32 still_ = 0;
  unsigned waiting_ = 0;
  bool fresh_ = false;
  // The state.
  unsigned cpu_ = 0;
  u64 round_ = 0, left_;
  bool cut_ = false;  // the last stretch was stopped: what ends it is still to come
};

}  // namespace ringside
