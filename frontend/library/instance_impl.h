// Owns what an instance is made of, for the files of this room.
#pragma once

#include <array>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <deque>
#include <map>
#include <optional>

#include "frontend/commands/commands.h"
#include "frontend/library/instance.h"
#include "frontend/program/session.h"
#include "frontend/screen/line_pattern.h"

namespace ringside {

struct Instance::Impl {
  explicit Impl(RunOptions options) : session(std::move(options)) {}

  // What other threads and signals ask of what runs. It is looked at between slices, so that no request is
  // lost or left over for the next run.
  enum class Asked : u8 { nothing_runs, go_on, stop };
  static_assert(std::atomic<Asked>::is_always_lock_free, "signal handlers change it");

  // The parts of a run's conditions that outlive its first slice.
  struct Running {
    const Until* until = nullptr;  // nullptr: steps
    u64 last = ~u64{0};            // the machine's count at which it ends
    u64 next_question = 0;         // the count at which the predicate is asked
    std::optional<Expect> serial;
    std::optional<LinePattern> screen;
    std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    std::optional<Why> enough;  // what ended it, if not the debugger
    std::string text;
    // When an instruction retired last.
    u64 awake_retired = ~u64{0};
    double awake_seconds = 0;
  };
  // The end of what a port has sent.
  struct Sent {
    std::string bytes;
    u64 dropped = 0;   // before these
    u64 consumed = 0;  // up to here, counted from the first ever, expressions have matched
  };

  // While one lives, the machine runs or is about to: interrupts count. Callbacks, which are asked from
  // within a run, make inner ones, which change nothing.
  // Guests' numbers are made with the host's as a program begins with them: whatever the program that the
  // library is in has chosen, its rounding among it, waits until then.
  class Busy {
   public:
    explicit Busy(std::atomic<Asked>& asked) : asked_(asked), outermost_(asked == Asked::nothing_runs) {
      if (outermost_) asked_ = Asked::go_on;
      std::fegetenv(&numbers_);
      std::fesetenv(FE_DFL_ENV);
    }
    ~Busy() {
      std::fesetenv(&numbers_);
      if (outermost_) asked_ = Asked::nothing_runs;
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    std::fenv_t numbers_;
    std::atomic<Asked>& asked_;
    bool outermost_;
  };

  Debugger& debugger() { return session.debugger(); }
  Machine& machine() { return session.machine(); }

  bool prepare(std::string& error);
  void connect();
  void sent(unsigned port, u8 byte);
  u64 allowed(u64 slice);
  std::optional<Why> decided();
  bool halted_for_ever();
  bool offer_input();
  bool match_from_before(unsigned port);
  void forget_printed();
  Halt told(const Stop& stop);
  template <class Runs>
  Halt run_while(Running& conditions, Runs runs);
  // The debugger's own events, which have no breakpoint.
  static std::optional<RunTo> own_event(std::string_view name);
  // Removes the breakpoints of a run that is over; one of them is no breakpoint to whoever asked for the run.
  void let_go(const std::vector<unsigned>& temporary, Halt& halt);
  // False: `error` says why nobody can go back now.
  bool can_go_back(std::string& error) const;
  std::optional<Halt> back(const std::function<Stop(Debugger&)>& goes, std::string& error);
  bool prepare_run(const Until& until, Running& conditions, std::string& error);
  // A line of the debugger; what it prints is in `printed`.
  Commands::Result execute(std::string_view line);
  std::string last_line() const;
  std::optional<std::string> printed_by(std::string_view line, std::string& error);

  static constexpr std::size_t most_kept = 16u << 20;

  Session session;
  std::optional<Commands> commands;
  std::string printed;
  std::vector<std::string> warnings;
  std::array<Sent, 4> ports;
  std::string console;
  std::array<std::deque<u8>, 4> to_send;
  std::map<unsigned, std::function<bool(const Halt&)>> callbacks;
  std::function<bool()> go_on;
  Running* running = nullptr;
  std::atomic<Asked> asked = Asked::nothing_runs;
};

}  // namespace ringside
