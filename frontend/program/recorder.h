// Owns --record: what of a session goes into its recording, and when its state is looked at.
#pragma once

#include <memory>
#include <string>

#include "frontend/program/options.h"
#include "frontend/program/stats.h"
#include "frontend/replay/recording.h"
#include "frontend/replay/recording_state.h"

namespace ringside {

class Recorder {
 public:
  // Instructions between two looks at the state, where --record says nothing else: some ten a second.
  static constexpr u64 usual_interval = 20'000'000;

  // The machine stands at its start. nullptr: one line in `error`.
  static std::unique_ptr<Recorder> create(const RunOptions& options, Machine& machine, std::string& error);

  void add(const HistoryRecord& record) { writer_->add(record); }
  u64 records() const { return writer_->records(); }
  // CPUs that are held still are told by add(), and not seen here.
  void leave_holds() { sees_holds_ = false; }
  // The run is at this moment, with so many records behind it. What was recorded of a later time is no part
  // of it any more: somebody went back and changed what was.
  void come_to(u64 records, const Moment& at);
  // The machine is about to run for up to so many instructions. So many may run until the next look at its
  // state; what has come so far outlasts the program.
  u64 limit(u64 slice);
  // The last of it, where the machine is or, if somebody has gone back and looks at the past, at `present`.
  void end(const RunSummary& summary, const Moment* present);
  const std::string& failure() const { return writer_->failure(); }

 private:
  Recorder(std::unique_ptr<RecordingWriter> writer, Machine& machine, std::unique_ptr<RecordedState> state,
           LookInterval look)
      : writer_(std::move(writer)), machine_(machine), state_(std::move(state)), look_(look) {}
  void mark();
  u64 mark_after(u64 count) const;

  std::unique_ptr<RecordingWriter> writer_;
  Machine& machine_;
  std::unique_ptr<RecordedState> state_;
  LookInterval look_;
  u64 next_mark_ = 0;
  u32 still_ = 0;
  bool sees_holds_ = true;
};

}  // namespace ringside
