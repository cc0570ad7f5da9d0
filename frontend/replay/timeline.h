// Owns a machine's past: what came from outside, checkpoints on the way, and running to any moment of it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontend/machine/checkpoints.h"
#include "frontend/replay/history.h"
#include "frontend/replay/thinning.h"

namespace ringside {

// The machine runs by run() alone, from here on. Its past begins where it is when this is made. Wherever in
// it the machine is taken, it goes on as it went, with the input that it had, up to the end of what is known:
// there is the present, and new input is taken again. While it repeats, nobody outside hears again what it
// prints (Machine::set_repeating). Who changes it in the past gives up what came after.
class Timeline final {
 public:
  struct Plan {
    bool checkpoints = true;        // false: the past is known by its input alone, and nobody goes back
    u64 most_bytes = u64{1} << 30;  // of memory for checkpoints; older ones are thinned out
    double seconds_between = 0.5;   // of the host's CPU time, at least
    // The host's CPU time of this thread, in seconds; another clock in tests.
    std::function<double()> clock;
  };
  static constexpr u64 fewest_bytes = 16u << 20;

  // The machine outlives it. nullptr and one line in `error`: no checkpoints can be kept.
  static std::unique_ptr<Timeline> create(Machine& machine, Plan plan, std::string& error);
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  // As Machine::run(). In the past it ends at the present at the latest, where the next one goes on.
  const Ending& run(u64 instructions);
  // Before the machine is rebooted, or restored from elsewhere: nothing is known of its past any more. Then
  // it begins where the machine is.
  void give_up();
  void begin_anew();

  // -- What came from outside.
  const Chronicle& history() const { return history_; }
  // Told of each record when it is new.
  void on_record(std::function<void(const HistoryRecord&)> told) { told_ = std::move(told); }
  // What has just been done to the machine beside its input. In the past, what came after is given up.
  void note(Happening what);
  // Writes a register again as it was written; without one such records are passed over.
  void on_register(std::function<void(const RegisterWritten&)> write) { write_ = std::move(write); }
  // Nothing has run yet: the machine is to repeat this, and its past ends there.
  void repeat(Chronicle history, const Moment& end);

  // -- Where.
  bool in_past() const { return in_past_; }
  u64 begin() const;                          // Machine::retired() where the past begins
  const Moment& end() const { return end_; }  // the present; of a machine that repeats, how far it has come
  // What is known of the time behind this moment is given up: the present is here.
  void forget_future();

  // -- Going. Counts are those of Machine::retired(). What runs on the way is not shown to anybody who tells
  // each event once. False: the count is outside the past, or between() broke it off; the machine is
  // somewhere in its past.
  bool go_to(u64 count);
  // Where the machine is, also in the middle of a sleep, to be come back to.
  struct Place {
    Moment at;
    std::size_t applied = 0;
  };
  Place here();
  bool return_to(const Place& place);
  // To the last checkpoint that is before `count`. False: there is none.
  bool go_to_checkpoint_before(u64 count);
  // Called between slices of what takes long; false breaks it off.
  void between(std::function<bool()> goes_on) { between_ = std::move(goes_on); }

  // What somebody who looks at the machine knows of its past: kept with each checkpoint, given back when the
  // machine is taken there.
  using Keepsake = std::shared_ptr<const void>;
  void on_travel(std::function<Keepsake()> keep, std::function<void(const Keepsake&)> give_back);

  // -- For looking.
  struct Use {
    std::size_t checkpoints = 0;
    u64 bytes = 0;       // of memory, about
    double seconds = 0;  // of CPU time to run from the beginning to the end
    double taking = 0;   // of CPU time that the taking of checkpoints took
  };
  Use use() const;
  std::vector<u64> checkpoint_counts() const;
  // Something that was recorded did not fit the run: the machine is another. Empty: none yet.
  const std::string& trouble() const { return trouble_; }

 private:
  // Order in the past.
  struct Position {
    u64 retired = 0;
    Ticks now = 0;
    bool asleep = false;
    std::size_t applied = 0;  // records of the history
    auto operator<=>(const Position&) const = default;
  };
  struct Point {
    unsigned number = 0;
    double seconds = 0;  // of CPU time from the beginning
    u32 still = 0;
    Keepsake keepsake;
  };
  using Points = std::map<Position, Point>;

  struct Stopwatch;

  Timeline(Machine& machine, Plan plan, std::unique_ptr<Checkpoints> checkpoints);
  Position position() const;
  void add(HistoryRecord record);
  bool apply(const HistoryRecord& record);
  void apply_due();
  const Ending& repeat_stretch(u64 instructions);
  void arrive_if_present();
  void take_if_due();
  void take();
  void thin();
  Points::iterator last_before(u64 count, bool or_at);
  bool restore(Points::iterator point);
  void leave_present();
  bool run_to(u64 count);

  Machine& machine_;
  Plan plan_;
  std::unique_ptr<Checkpoints> checkpoints_;
  Chronicle history_;
  std::size_t applied_ = 0;
  Moment end_;
  bool in_past_ = false;
  u32 still_ = 0;  // who is held still where the machine is
  Points points_;
  double seconds_ = 0;  // of CPU time from the beginning to where the machine is
  double last_cost_ = 0, taking_ = 0;
  std::string trouble_;
  std::function<void(const HistoryRecord&)> told_;
  std::function<void(const RegisterWritten&)> write_;
  std::function<bool()> between_;
  std::function<Keepsake()> keep_;
  std::function<void(const Keepsake&)> give_back_;
};

}  // namespace ringside
