// Owns a run: the slices of a session that goes on by itself, and what is done between them.
#include "frontend/program/run_driver.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "frontend/inspect/fault_chain.h"
#include "frontend/inspect/pending.h"
#include "frontend/program/display.h"
#include "frontend/program/inspecting.h"
#include "frontend/program/output.h"
#include "frontend/program/session.h"
#include "frontend/render/sheet_text.h"
#include "frontend/program/terminal.h"
#include "frontend/program/tools.h"

namespace ringside {
namespace {

using HostClock = std::chrono::steady_clock;

int milliseconds(double seconds) { return static_cast<int>(std::ceil(seconds * 1000)); }

class Run {
 public:
  explicit Run(RunOptions options) : session_(std::move(options)) {}

  int run() {
    std::string error;
    if (!session_.prepare(error) || !let_gdb_in(error) || !open_window(error)) {
      const int status = session_.refuse(error);
      return signals_.caught() ? 128 + signals_.caught() : status;
    }
    display_.deaf_while([this] { return session_.replays(); });
    signals_.watch(&session_.machine());
    {
      Input input(session_.has_terminal());
      session_.start();
      pace_host_ = HostClock::now();
      while (step(input)) {
      }
      if (session_.options().no_shutdown && session_.summary().ending == "power-off") stay(input);
      if (gdb()) gdb()->finish(session_.summary().status);
      session_.flush();
      signals_.watch(nullptr);
    }  // the terminal is its owner's again before anything more is said
    const int status = session_.conclude();
    if (const auto* const difference = session_.replay_difference()) tell_difference(*difference);
    return status;
  }

 private:
  // Instructions between two looks at the host. Input arrives at these borders only, so that a file as input
  // arrives at the same instructions every time.
  static constexpr u64 batch_slice = 200'000, interactive_slice = 50'000;
  static constexpr double longest_nap = 0.05;

  bool let_gdb_in(std::string& error);
  bool open_window(std::string& error);
  bool step(Input& input);
  bool serve_gdb();
  void listen_within();
  bool serve_inspector(Inspection::Stands stands);
  Ending run_slice(u64 slice);
  bool hold(const std::string& why);
  bool stand_still(Input& input);
  void stay(Input& input);
  void wait(Input& input, double seconds);
  bool over(Input& input);
  bool machine_gone(const Ending& ending);
  bool quit(const char* why);
  bool machine_ended(const Ending& ending, Input& input);
  bool wait_for_input(const Ending& ending, Input& input);
  bool offer(Input& input, bool idle = false);
  bool sleeps_for_ever(const Input& input);
  void keep_pace(Input& input);
  bool restart(const std::string& why);
  bool reset(const std::string& why);

  GdbServer* gdb() { return session_.gdb(); }
  bool watched() { return gdb() && gdb()->client(); }  // a gdb is there
  bool end(std::string ending, std::string reason, int status) {
    session_.end(std::move(ending), std::move(reason), status);
    return true;
  }

  // One line; what waits, and for what, is told at length where everything is to be explained.
  bool end_asleep(const std::string& why) {
    if (hold(fmt::format("the guest halted for ever: {}", why))) return false;
    Machine& machine = session_.machine();
    if (session_.explains()) session_.explain(pending_sheet(machine));
    return end("idle", fmt::format("the guest halted for ever: {}{}", why, pending_summary(machine)),
               exit_failed);
  }

  void tell_difference(const Replayer::Difference& difference) {
    std::string error;
    const Tools* const all = tools(error);
    if (!all) return say(fmt::format("--replay {}: {}", session_.options().replay, error));
    all->tell_replay_difference(session_.options(), difference, [this] { return !signals_.caught(); });
  }

  // So too the chain of faults.
  bool end_shut_down(const std::string& why) {
    Machine& machine = session_.machine();
    for (unsigned n = 0; session_.explains() && n < machine.cpus(); ++n) {
      const Sheet chain = shutdown_sheet(machine.cpu(n), &session_.symbols());
      if (!chain.sections.empty()) session_.explain(chain);
    }
    return end("shutdown", why, exit_failed);
  }

  Session session_;
  SignalGuard signals_;
  Inspecting inspecting_{session_};
  Display display_;
  bool inspector_runs_ = false;  // though gdb holds the machine
  bool was_paused_ = false;      // by the window, when it was looked at last
  // The last time an instruction retired.
  u64 awake_retired_ = 0;
  double awake_guest_ = 0;
  // When the host's and the guest's time last agreed.
  HostClock::time_point pace_host_ = HostClock::now();
  double pace_guest_ = 0;
};

bool Run::let_gdb_in(std::string& error) {
  const RunOptions& options = session_.options();
  if (!session_.let_gdb_in(error)) return false;
  if (!gdb()) return true;
  if (options.start_stopped) gdb()->stop_machine();
  listen_within();
  say(fmt::format("{} gdb: target remote {}", options.start_stopped ? "waiting for" : "ready for",
                  gdb()->address()));
  return true;
}

// What takes long inside one step of gdb's or one command of the inspector's is stopped, too.
void Run::listen_within() {
  session_.debugger().on_slice([this] {
    session_.flush();
    display_.set_paused(false);  // a command lets the machine run, which stood still
    display_.serve(session_.machine());
    session_.offer_input();
    inspecting_.serve(Inspection::Stands::within);
    const bool asked = display_.quit() || display_.paused() || (gdb() && gdb()->client_waits());
    if (asked || signals_.caught() || session_.limit_reached()) session_.debugger().interrupt();
  });
}

// False: `error`. A window that nobody asked for is no reason to end.
bool Run::open_window(std::string& error) {
  const RunOptions& options = session_.options();
  const bool asked = options.window.value_or(false);
  if (options.vnc && !display_.open_vnc(*options.vnc, options.name, error)) return false;
  if (!asked && (options.window || !isatty(STDIN_FILENO) || !window_by_itself(options))) return true;
  if (!asked && !desktop_there()) {
    say("no desktop, so no window: --screenshot FILE shows the screen; -nographic says that none is wanted");
    return true;
  }
  std::string no_panes, why;
  auto panes = inspecting_.make_panes(no_panes, error);
  if (!error.empty()) return false;
  display_.set_paused(options.inspector);
  if (asked) return display_.open_asked(options.name, error, std::move(panes), no_panes);
  if (!display_.open(options.name, why, std::move(panes), no_panes))
    say(fmt::format("no window: {}; the run goes on without", why));
  return true;
}

// What is ordered there is done. False: it ends the run.
bool Run::serve_inspector(Inspection::Stands stands) {
  const bool first = inspecting_.get() == nullptr;
  if (!std::exchange(was_paused_, display_.paused()) && was_paused_) inspecting_.tell_stop("paused");
  const Inspection::Wish wish = inspecting_.serve(stands);
  if (first && inspecting_.get()) listen_within();
  switch (wish) {
    case Inspection::Wish::nothing: return true;
    case Inspection::Wish::run:
      inspector_runs_ = gdb() && gdb()->machine_stopped();
      display_.set_paused(was_paused_ = false);
      return true;
    case Inspection::Wish::stop:
      inspector_runs_ = false;
      display_.set_paused(was_paused_ = true);
      return true;
    case Inspection::Wish::quit: return !quit("ended from the inspector");
  }
  return true;
}

// By whoever looks closest.
Ending Run::run_slice(u64 slice) {
  if (gdb() && !inspector_runs_) return gdb()->run(slice);
  if (!inspecting_.engaged()) return session_.run(slice);
  const Ending ending = inspecting_.get()->run(slice);
  if (inspecting_.get()->stopped()) {
    inspector_runs_ = false;
    display_.set_paused(was_paused_ = true);
  }
  return ending;
}

// True: somebody looks at the machine, and it stays to be looked at though it cannot go on.
bool Run::hold(const std::string& why) {
  if (!inspecting_.open() || display_.quit()) return false;
  inspecting_.tell_stop(why);
  display_.set_paused(was_paused_ = true);
  return true;
}

// One slice; false: the run is over and the session knows how.
bool Run::step(Input& input) {
  if (gdb()) {
    if (!serve_gdb()) return false;
    if (gdb()->client_waits()) inspector_runs_ = false;
  }
  const auto held = [this] {
    return display_.paused() || (gdb() && gdb()->machine_stopped() && !inspector_runs_);
  };
  if (!serve_inspector(held() ? Inspection::Stands::still : Inspection::Stands::between)) return false;
  if (held()) return stand_still(input);
  const u64 slice = session_.allowed(input.interactive() ? interactive_slice : batch_slice);
  if (slice == 0) return false;
  const Ending ending = run_slice(slice);
  if (over(input)) return false;
  if (ending.why != Ending::Why::running) return !machine_ended(ending, input);
  if (sleeps_for_ever(input)) {
    if (!watched()) return !end_asleep("no interrupt wakes its CPUs");
    wait(input, longest_nap);
  }
  input.poll(0);
  if (over(input)) return false;
  offer(input);
  const bool at_pace = display_.there() ? !display_.full_speed() : input.interactive() || session_.attended();
  if (at_pace) keep_pace(input);
  return true;
}

// False: gdb ended the run.
bool Run::serve_gdb() {
  gdb()->poll();
  switch (gdb()->stub().take_request()) {
    case GdbStub::Request::none: return true;
    case GdbStub::Request::kill:
      // What powered itself off under gdb's eyes has ended by itself, with its own status.
      if (session_.machine().ending().why != Ending::Why::shutdown &&
          machine_gone(session_.machine().ending()))
        return false;
      return !end("killed", "ended by gdb", exit_ok);
    case GdbStub::Request::restart: break;
  }
  if (!restart("gdb restarted the machine")) return false;
  gdb()->stop_machine();
  return true;
}

// True: something outside the machine ends the run.
bool Run::over(Input& input) {
  if (session_.ended_from_outside()) return true;
  if (const int number = signals_.caught())
    return end("interrupted", fmt::format("interrupted by signal {}", number), 128 + number);
  if (display_.quit()) return quit("ended from the window");
  return input.quit() && end("quit", "ended by the escape key", exit_ok);
}

// While gdb's user looks: the machine gets no input, and no time passes for it. False: the run is over.
bool Run::stand_still(Input& input) {
  wait(input, 1);
  pace_host_ = HostClock::now();
  pace_guest_ = session_.machine().seconds();
  return !over(input);
}

// -no-shutdown: the machine is off, and stays to be looked at until somebody ends the run.
void Run::stay(Input& input) {
  say("the guest powered the machine off; -no-shutdown keeps it until the run is ended");
  while (!session_.limit_reached() && !signals_.caught() && !input.quit() && !display_.quit()) {
    wait(input, 1);
    if (!gdb()) continue;
    gdb()->poll();
    if (gdb()->stub().take_request() == GdbStub::Request::kill) return;
  }
}

// For input from anywhere, a signal or gdb, so long at most.
void Run::wait(Input& input, double seconds) {
  // A pseudo-terminal that nobody has open cannot be waited for.
  constexpr double look_again = 0.2;
  std::vector<int> others = session_.input_descriptors();
  if (session_.listens() && others.empty()) seconds = std::min(seconds, look_again);
  if (gdb()) others.push_back(gdb()->descriptor());
  // Its questions and orders make nothing readable.
  constexpr double soon = 0.015;
  if (inspecting_.open()) seconds = std::min(seconds, soon);
  if (display_.there()) {
    seconds = std::min(seconds, display_.longest_wait());
    others.push_back(display_.descriptor());
  }
  input.poll(milliseconds(session_.time_left(seconds)), others);
  display_.waited();
  display_.serve(session_.machine());
}

// Hands input over until the guest's receivers are full; true if some went.
bool Run::offer(Input& input, bool idle) {
  bool went = session_.offer_input(idle);
  went = display_.serve(session_.machine()) || went;
  while (!input.empty() && session_.offer_typed(input.front())) {
    input.pop();
    went = true;
  }
  if (input.take_power_button() || signals_.take_power_button()) went = session_.press_power_button() || went;
  return went;
}

// Some timers tick whether or not anybody listens, so that such a machine is not idle. True: nothing can come
// of this sleep, or nothing came of it in a day and nobody is there to type.
bool Run::sleeps_for_ever(const Input& input) {
  if (session_.replays()) return false;  // the recording has its end
  constexpr double patience = 1, patience_unattended = 24 * 3600;
  Machine& machine = session_.machine();
  const double now = machine.seconds();
  if (machine.retired() != awake_retired_) {
    awake_retired_ = machine.retired();
    awake_guest_ = now;
    return false;
  }
  const double asleep = now - awake_guest_;
  return (asleep > patience && machine.no_interrupt_wakes()) ||
         (asleep > patience_unattended && !input.open() && !session_.listens() && !display_.there());
}

// A guest that only waits for its timers would run ahead of the person in front of it, and keep the host
// busy. What it sees does not change: its time is counted in instructions.
void Run::keep_pace(Input& input) {
  const double guest = session_.machine().seconds();
  const double passed = std::chrono::duration<double>(HostClock::now() - pace_host_).count();
  const double ahead = (guest - pace_guest_) - passed;
  if (ahead <= 0) {
    pace_host_ = HostClock::now();
    pace_guest_ = guest;
    return;
  }
  if (const int nap = static_cast<int>(std::min(ahead, longest_nap) * 1000); nap > 0) {
    wait(input, nap / 1000.0);
    offer(input);
  }
}

// False: it failed, and the run is over.
bool Run::restart(const std::string& why) {
  std::string error;
  if (!session_.restart(error))
    return !end("reset", fmt::format("{}; it cannot be started again: {}", why, error), exit_failed);
  pace_host_ = HostClock::now();
  pace_guest_ = awake_guest_ = 0;
  awake_retired_ = 0;
  return true;
}

// The same of a reset by the guest.
bool Run::reset(const std::string& why) {
  std::string error;
  if (session_.perform_reset(error)) return true;
  return !end("reset", fmt::format("{}; it cannot be started again: {}", why, error), exit_failed);
}

// The machine has ended for good, and the run with it. False: it has not.
bool Run::machine_gone(const Ending& ending) {
  switch (ending.why) {
    case Ending::Why::power_off: return end("power-off", ending.reason, exit_ok);
    case Ending::Why::debug_exit: return end("debug-exit", ending.reason, ending.status & 0xff);
    case Ending::Why::shutdown: return end_shut_down(ending.reason);
    case Ending::Why::reset: return session_.options().no_reboot && end("reset", ending.reason, exit_ok);
    case Ending::Why::running:
    case Ending::Why::idle: break;
  }
  return false;
}

// Somebody ends the run. The machine may have ended before, and have been looked at since.
bool Run::quit(const char* why) {
  return machine_gone(session_.machine().ending()) || end("quit", why, exit_ok);
}

// True: the run is over.
bool Run::machine_ended(const Ending& ending, Input& input) {
  if (ending.why == Ending::Why::running) return false;
  if (ending.why == Ending::Why::idle) return wait_for_input(ending, input);
  if (ending.why == Ending::Why::reset && !session_.options().no_reboot) return !reset(ending.reason);
  return !hold(ending.reason) && machine_gone(ending);
}

// The machine can be revived by input only. True: none will come, and the run is over.
bool Run::wait_for_input(const Ending& ending, Input& input) {
  constexpr double hour = 3600;
  while (!offer(input, true)) {
    const bool nobody = !input.open() && !session_.listens() && !display_.there();
    if (!watched() && (nobody || session_.machine().no_interrupt_wakes())) return end_asleep(ending.reason);
    wait(input, hour);
    if (over(input)) return true;
    if (gdb() || display_.there()) break;
  }
  return false;
}

}  // namespace

int run_to_end(RunOptions options) { return Run(std::move(options)).run(); }

}  // namespace ringside
