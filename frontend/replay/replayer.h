// Owns the doing of a recording again: a machine gets what it got, and is compared with it on the way.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "frontend/replay/recording_state.h"
#include "frontend/replay/recording.h"

namespace ringside {

class Replayer {
 public:
  // Where the machine does not what the recording says.
  struct Difference {
    u64 alike = 0;     // instructions of all CPUs after which both were the same for the last time
    u64 unlike = 0;    // and after which they are not
    std::string what;  // one line
    std::vector<std::string> values;  // what differs, a line each
  };

  // The machine stands at its start. nullptr: it is none that the recording could be replayed on; `error`.
  static std::unique_ptr<Replayer> create(std::shared_ptr<const Recording> recording, Machine& machine,
                                          std::string& error);
  // Who writes registers and memory as a person did. False: it cannot be done.
  void on_written(std::function<bool(const Happening&)> write) { write_ = std::move(write); }

  bool writes() const { return writing_; }  // a register or memory, right now
  // What is due where the machine stands is done. Then so many instructions of `slice` may run until the next
  // is due; 0: nothing follows, or there is a difference.
  u64 limit(u64 slice);
  // Of an idle machine: something was done that may let it go on.
  bool revive();
  // The guest has asked for a reset, which was performed when it was recorded. False: it was not.
  bool take_reset();
  // The machine has come to its own end. True: so it had when it was recorded.
  bool ended();

  bool at_end() const;  // of what is known
  const Difference* difference() const { return difference_.what.empty() ? nullptr : &difference_; }
  const Recording& recording() const { return *recording_; }
  // What was done, one line.
  std::string summary() const;

 private:
  Replayer(std::shared_ptr<const Recording> recording, Machine& machine, std::unique_ptr<RecordedState> state)
      : recording_(std::move(recording)), machine_(machine), state_(std::move(state)) {}
  const Moment* next_moment() const;
  bool next_is_mark() const;
  bool do_next();
  bool compare(const StateMark& mark);
  bool differ(std::string what, std::vector<std::string> values = {});

  std::shared_ptr<const Recording> recording_;
  Machine& machine_;
  std::unique_ptr<RecordedState> state_;
  std::function<bool(const Happening&)> write_;
  std::size_t next_record_ = 0, next_mark_ = 0;
  u64 alike_ = 0;
  bool writing_ = false;
  Difference difference_;
};

}  // namespace ringside
