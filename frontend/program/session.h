// Owns one session: the machine of the flags, its outputs, expectations, limits, restarts and statistics.
// What drives it (a run, the debugger's console, gdb) is a file of its own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "frontend/gdb/server.h"
#include "frontend/program/exit_reports.h"
#include "frontend/program/expect.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"
#include "frontend/program/stats.h"

namespace ringside {

class Session {
 public:
  explicit Session(RunOptions options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Everything that can be refused is refused here, before the guest runs. False: one line in `error`.
  bool prepare(std::string& error);
  // The time of --timeout and of the statistics begins.
  void start() { start_ = HostClock::now(); }

  const RunOptions& options() const { return options_; }
  Machine& machine() { return *machine_; }
  // Names and source lines: --symbols, and those that the guest's file brings along.
  Symbols& symbols();
  // Looks at the machine from the first call on.
  Debugger& debugger();
  // Listens as -gdb says; nothing without it. False: `error`.
  bool let_gdb_in(std::string& error);
  GdbServer* gdb() { return gdb_.get(); }  // nullptr: gdb is not let in

  // Called from within a run, when something that the guest printed ends it: the driver stops the machine.
  // Without one the machine is interrupted.
  void on_enough(std::function<void()> stop) { enough_ = std::move(stop); }
  // Each byte that the guest prints on a standard stream, when it is gathered and not written yet.
  void on_printed(std::function<void(u8 byte)> told) { printed_ = std::move(told); }
  // What the guest has printed goes out.
  void flush();

  // How many instructions of a slice --max-instructions leaves. 0: none, and the session has ended.
  u64 allowed(u64 slice);
  double host_seconds() const;
  // Seconds of --timeout that are left, at least 0; `most` if there is less of a limit.
  double time_left(double most) const;
  // True: something other than the machine ends the session: an output that cannot be written, what the guest
  // printed, the time. `summary()` says what.
  bool ended_from_outside();
  // True: the time is up, and the session has ended.
  bool late();
  // What --expect waits for has been printed.
  bool satisfied() const { return expect_.matched(); }

  // From the beginning, after a reset or because somebody asks. False: it cannot, and the machine is as it
  // was.
  bool restart(std::string& error);

  // The first end that is told is the session's; `ending` is a word of RunSummary's.
  void end(std::string ending, std::string reason, int status);
  bool over() const { return !summary_.ending.empty(); }
  const RunSummary& summary() const { return summary_; }
  // Says what is to be said of the end, writes the reports and statistics. Returns the process's exit status.
  int conclude();

 private:
  using HostClock = std::chrono::steady_clock;

  bool check_outputs(std::string& error) const;
  void connect();
  void install();
  const std::string* failed_output() const;
  void tell_end();

  RunOptions options_;
  std::unique_ptr<Machine> machine_;
  Stream serial_, console_;
  Symbols symbols_;
  bool own_symbols_ = false;  // the guest's are loaded, or cannot be
  ExitReports reports_;
  std::unique_ptr<Debugger> debugger_;
  std::unique_ptr<GdbServer> gdb_;
  Expect expect_;
  std::function<void()> enough_;
  std::function<void(u8)> printed_;
  RunSummary summary_;
  u64 retired_before_ = 0;  // by the machine before its last restart
  HostClock::time_point start_ = HostClock::now();
};

}  // namespace ringside
