// Owns what a session does with recordings: the one that it writes, and the one whose run it makes again.
#include <fmt/format.h>

#include "frontend/program/run_images.h"
#include "frontend/program/session.h"

namespace ringside {

// A recording is worth nothing once its drives are not what they were at its start.
void Session::protect_drives() {
  if (options_.record.empty() || options_.record_writes) return;
  for (DriveRequest& drive : options_.machine.drives) {
    const bool written = !drive.read_only && !drive.snapshot && !drive.cdrom &&
                         drive.bus == DriveRequest::Bus::ide && drive.source != DriveRequest::Source::blank;
    if (!written) continue;
    drive.snapshot = true;
    say(fmt::format(
        "--record: what the guest writes to {} is forgotten in the end, so that the run can be made "
        "again; --record {},writes keeps it there",
        drive.path, options_.record));
  }
}

bool Session::find_recorded_images(std::string& error) {
  if (!options_.recording) return true;
  return find_images(options_.recording->head.images, options_.replay, options_.image_folders, options_,
                     error);
}

bool Session::begin_recording(std::string& error) {
  if (options_.record.empty()) return true;
  recorder_ = Recorder::create(options_, *machine_, error);
  if (!recorder_) return false;
  machine_->on_input([this](const InputRecord& record) {
    if (recorder_) recorder_->add({record.at, record.event});
  });
  return true;
}

// Who keeps the past hears of all that comes from outside: of what a person writes, too.
void Session::hear_of_writes() {
  recorded_before_ = recorder_ ? recorder_->records() : 0;
  if (recorder_) recorder_->leave_holds();
  timeline_->on_record([this](const HistoryRecord& record) {
    if (recorder_) {
      recorder_->come_to(recorded_before_ + timeline_->history().size() - 1, record.at);
      recorder_->add(record);
    }
    const bool person = std::holds_alternative<RegisterWritten>(record.what) ||
                        std::holds_alternative<MemoryWritten>(record.what);
    if (replayer_ && person && !replayer_->writes()) leave_recording();
  });
}

// The machine is another one from here on, with input of its own.
void Session::leave_recording() {
  say(fmt::format(
      "--replay {}: the machine was changed; what was recorded from here on is not done, and input is "
      "taken again",
      options_.replay));
  left_recording_ = std::move(replayer_);
}

bool Session::begin_replay(std::string& error) {
  if (!options_.recording) return true;
  replayer_ = Replayer::create(options_.recording, *machine_, error);
  if (!replayer_) {
    error = fmt::format("--replay {}: {}", options_.replay, error);
    return false;
  }
  told_replay_over_ = false;
  replayer_->on_written([this](const Happening& what) {
    // Without a timeline nobody else tells it.
    if (recorder_ && !timeline_) recorder_->add({machine_->moment(), what});
    return debugger().write_again(what);
  });
  return true;
}

void Session::end_recording(const char* why) {
  if (!recorder_) return;
  say(fmt::format("--record {}: ends here, as {}", options_.record, why));
  RunSummary summary;
  summary.ending = "debugger";
  summary.reason = why;
  recorder_->end(summary, nullptr);
  recorder_.reset();
}

// True: nothing more is known of the recorded run, or this one is another; and the session has ended.
bool Session::replay_over() {
  if (!replayer_) return false;
  const Recording& recording = replayer_->recording();
  std::string ending, reason;
  int status = exit_failed;
  if (const Replayer::Difference* const difference = replayer_->difference()) {
    ending = "differs";
    reason =
        fmt::format("--replay {}: the run parts from the recording after {} instructions and before {}: {}",
                    options_.replay, difference->alike, difference->unlike, difference->what);
  } else if (!replayer_->at_end()) {
    return false;
  } else if (!recording.end) {
    ending = "cut";
    reason = fmt::format("--replay {}: the recording is cut short here; what came later is not known",
                         options_.replay);
  } else {
    ending = recording.end->ending;
    reason = recording.end->reason;
    status = recording.end->status;
  }
  if (stays_) {
    if (told_replay_over_) return false;
    told_replay_over_ = true;
    const bool known = ending != "differs" && ending != "cut";
    say(known ? fmt::format("--replay {}: the recording ends here: {}", options_.replay, reason) : reason);
    return false;
  }
  end(std::move(ending), std::move(reason), status);
  return true;
}

void Session::tell_replay() const {
  if (!replayer_) return;
  if (const Replayer::Difference* const difference = replayer_->difference()) {
    for (const std::string& value : difference->values) say("  " + value);
  } else if (replayer_->at_end()) {
    say(replayer_->summary());
  }
}

// The machine may have come to its end by itself.
void Session::compare_end() {
  if (!replayer_ || machine_->ending().why == Ending::Why::running) return;
  if (!replayer_->ended() && !stays_) {
    summary_.ending.clear();
    replay_over();
  }
}

}  // namespace ringside
