// Owns one session: the machine of the flags, its outputs, expectations, limits, restarts and statistics.
// What drives it (a run, the debugger's console, gdb) is a file of its own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontend/gdb/server.h"
#include "frontend/program/channel.h"
#include "frontend/program/coverage_reports.h"
#include "frontend/program/exit_reports.h"
#include "frontend/program/expect.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"
#include "frontend/program/recorder.h"
#include "frontend/replay/replayer.h"
#include "frontend/program/screen_watch.h"
#include "frontend/program/state_saves.h"
#include "frontend/program/stats.h"
#include "frontend/program/terminal.h"

namespace ringside {

class Session {
 public:
  explicit Session(RunOptions options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Everything that can be refused is refused here, before the guest runs. False: one line in `error`.
  bool prepare(std::string& error);
  // The status of a process whose preparations failed, after the line has been said.
  int refuse(const std::string& error);
  // The time of the statistics begins; --timeout's has begun with the session.
  void start() { began_ = HostClock::now(); }

  const RunOptions& options() const { return options_; }
  Machine& machine() { return *machine_; }
  // Names and source lines: --symbols, and those that the guest's file brings along.
  Symbols& symbols();
  // Looks at the machine from the first call on; heeds --max-instructions, and performs the guest's resets.
  Debugger& debugger();
  // From the first call on the debugger can go back, unless --past forbids it.
  void keep_past();
  // The same in so many bytes, whatever the flags say. False: `error`.
  bool keep_past(u64 bytes, std::string& error);
  // As Machine::run(), by the timeline where the past is kept.
  const Ending& run(u64 instructions) {
    return timeline_ ? timeline_->run(instructions) : machine_->run(instructions);
  }
  Timeline* timeline() const { return timeline_.get(); }  // nullptr: nobody keeps the past
  // Listens as -gdb says; nothing without it. False: `error`.
  bool let_gdb_in(std::string& error);
  GdbServer* gdb() { return gdb_.get(); }  // nullptr: gdb is not let in

  // Called from within a run, when something that the guest printed ends it: the driver stops the machine.
  // Without one the machine is interrupted.
  void on_enough(std::function<void()> stop) { enough_ = std::move(stop); }
  // Each byte that the guest prints on a standard stream, when it is gathered and not written yet.
  void on_printed(std::function<void(u8 byte)> told) { printed_ = std::move(told); }
  // Each byte that the guest sends by a serial port, COM1 being 0.
  void on_serial(std::function<void(unsigned port, u8 byte)> told) { serial_told_ = std::move(told); }
  // Told of each reset of the guest's that the debugger's run goes on after.
  void on_reset(std::function<void(const std::string& why)> told) { reset_told_ = std::move(told); }
  // What the guest has printed goes out.
  void flush();
  // Whether the run is explained, in words or as JSON; and one more piece of that.
  bool explains() const { return reports_.tells(); }
  void explain(const Sheet& piece) { reports_.tell_more(piece); }

  // Hands over what has come from the sockets and pseudo-terminals of serial ports, as far as the guest's
  // receivers have room, and what is to be typed. The machine stands still; `idle`: nothing else will make it
  // go on. True: some went.
  bool offer_input(bool idle = false);
  ScreenWatch& screen() { return screen_; }
  // One byte of standard input, for the port that has it. False: there is no room; offer it again later.
  bool offer_typed(u8 byte);
  // A person presses the machine's power button. True: it went.
  bool press_power_button() { return !replays() && machine_->input(PowerButton{}); }
  // All input is that of a recording, and nothing else is taken.
  bool replays() const { return replayer_ != nullptr; }
  // Where it was not as it had been recorded; nullptr: nowhere yet.
  const Replayer::Difference* replay_difference() const {
    return replayer_ ? replayer_->difference() : nullptr;
  }
  // The end of a recording, or of what it says, is not this session's: somebody looks at the machine there.
  void stay_behind_recording() { stays_ = true; }
  // What input may come from, beside standard input; `listens`: though there may be no descriptor yet.
  std::vector<int> input_descriptors() const;
  bool listens() const;
  bool attended() const;  // somebody is at the other end of one of them
  // A serial port is on standard input.
  bool has_terminal() const { return typed_port_.has_value() && !replays(); }

  // How many instructions of a slice --max-instructions and --max-seconds leave; the machine's time is looked
  // at between slices. 0: none, and the session has ended.
  u64 allowed(u64 slice);
  double host_seconds() const;  // since start()
  // Seconds of --timeout that are left, at least 0; `most` if there is less of a limit.
  double time_left(double most) const;
  // True: something other than the machine ends the session: an output that cannot be written, what the guest
  // printed, the time. `summary()` says what.
  bool ended_from_outside();
  // True: the time or the output that the guest may print is used up, and the session has ended.
  bool limit_reached();
  // What --expect waits for has been printed, all of it, or what --fail-on names, and the rest of that line;
  // and in words.
  bool decided();
  std::string decision() const;

  // From the beginning, after a reset or because somebody asks. False: it cannot, and the machine is as it
  // was.
  bool restart(std::string& error);
  // To a state that a machine of the same flags saved. False: it is none, and the machine is as it was.
  bool restore(std::span<const u8> saved, std::string& error);
  // To a state that is in a file. False: as restore().
  bool load(const std::string& path, std::string& error);
  // What a guest that ended the run by a reset asked for: the machine goes on from there.
  bool perform_reset(std::string& error);

  // The first end that is told is the session's; `ending` is a word of RunSummary's.
  void end(std::string ending, std::string reason, int status);
  bool over() const { return !summary_.ending.empty(); }
  const RunSummary& summary() const { return summary_; }
  // Says what is to be said of the end, writes the reports and statistics. Returns the process's exit status.
  int conclude();

 private:
  using HostClock = std::chrono::steady_clock;

  bool check_outputs(std::string& error) const;
  bool prepare_expectations(std::string& error);
  bool open_channels(std::string& error);
  bool load_into_memory(std::string& error);
  bool make_machine(std::string& error);
  bool replace_state(const std::function<bool()>& replace);
  void restored();
  bool write_pidfile(std::string& error);
  void connect();
  bool open_log(std::string& error);
  void protect_drives();
  bool find_recorded_images(std::string& error);
  bool begin_recording(std::string& error);
  bool begin_replay(std::string& error);
  void hear_of_writes();
  void leave_recording();
  void end_recording(const char* why);
  bool replay_over();
  void compare_end();
  void tell_replay() const;
  void printed(unsigned port, u8 byte);
  void stop_machine();
  bool install(std::string& error);
  bool load_video_bios(std::string& error);
  bool begin_again(u64 retired, std::string& error);
  bool all_met() const;
  const std::string* failed_output() const;
  void tell_end();

  RunOptions options_;
  const HostClock::time_point made_ = HostClock::now();
  TimeLimit limit_;  // begins no earlier than made_
  std::unique_ptr<Machine> machine_;
  std::vector<std::unique_ptr<Channel>> serials_;  // COM1 on
  Channel console_;
  std::optional<unsigned> typed_port_;
  std::string pidfile_;  // that was written, and goes away
  Symbols symbols_;
  bool own_symbols_ = false;  // the guest's are loaded, or cannot be
  ExitReports reports_;
  CoverageReports coverage_;
  std::unique_ptr<Timeline> timeline_;
  std::unique_ptr<Debugger> debugger_;
  std::unique_ptr<GdbServer> gdb_;
  Expect expect_;
  ScreenWatch screen_;
  StateSaves saves_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Replayer> replayer_;
  std::unique_ptr<Replayer> left_recording_;  // since a person changed the machine
  u64 recorded_before_ = 0;                   // records, when the timeline began
  bool stays_ = false, told_replay_over_ = false;
  std::function<void()> enough_;
  std::function<void(u8)> printed_;
  std::function<void(unsigned, u8)> serial_told_;
  std::function<void(const std::string&)> reset_told_;
  Stream log_;  // of -d
  RunSummary summary_;
  std::size_t sent_ = 0;    // of what --send gives the guest
  u64 retired_before_ = 0;  // by the machine before its last restart
  u64 loaded_at_ = 0;       // the instructions that the machine had retired when the session began
  double loaded_seconds_ = 0;
  u64 bytes_printed_ = 0;  // by all serial ports
  u64 decided_at_ = 0;     // the instructions when decided() was first seen; 0: not yet
  HostClock::time_point began_ = HostClock::now();
};

}  // namespace ringside
