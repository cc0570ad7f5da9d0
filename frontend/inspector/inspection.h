// Owns the inspector's side on the machine's thread: it does what is ordered, by the debugger and its
// commands, and answers what is asked, by the sheets that everybody prints.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "frontend/commands/commands.h"
#include "frontend/inspector/exchange.h"
#include "frontend/inspector/exit_list.h"

namespace ringside {

class Inspection {
 public:
  // Debugger and symbols outlive it.
  Inspection(Debugger& debugger, Symbols& symbols, std::shared_ptr<Exchange> exchange);

  // How the machine stands when serve() is called: still; between two slices of a run that goes on; or within
  // one of the debugger's runs (Debugger::on_slice), where only what can be done there is done, and what
  // stops the run waits for its turn.
  enum class Stands : u8 { still, between, within };
  // What whoever runs the machine is to do next.
  enum class Wish : u8 { nothing, run, stop, quit };
  Wish serve(Stands stands);

  // As Machine::run(); a stop that is one for people is told, and then stopped() is true until the next run.
  Ending run(u64 instructions);
  bool stopped() const { return stopped_; }
  // A stop that somebody else's run came to, and that nobody knows a reason for.
  void tell_stop(const Stop& stop);
  const Stop& last_stop() const { return stop_; }
  // The last that was done was one of many movements of somebody who drags the time line.
  bool dragged() const { return dragged_; }
  void tell_stop() { tell_stop(debugger_.here()); }

  // For `restart` and other commands of its line.
  Commands& commands() { return commands_; }
  // Anybody looks, or has ordered something.
  static bool wanted(const Exchange& exchange) { return exchange.open() || exchange.ordered(); }

 private:
  using HostClock = std::chrono::steady_clock;
  // A sheet, and what it is compared with.
  struct Shown {
    Sheet now, before;
    u64 moment = 0;  // of `now`; 0: there is none
    std::string about;
    bool compared = false;  // there is a `before`
  };

  Wish act(const Order& order);
  Wish command(const std::string& line);
  void toggle_breakpoint(u64 address);
  void answer(Stands stands);
  std::shared_ptr<const Sheet> look(View view, const Asked& asked);
  bool moved();
  Wish travel(const Order& order);
  PastSeen past(const Asked& asked) const;

  Debugger& debugger_;
  Symbols& symbols_;
  std::shared_ptr<Exchange> exchange_;
  Commands commands_;
  ExitList exits_;
  bool reading_ = false;   // what commands_ prints belongs into a sheet
  std::string complaint_;  // that was printed so
  bool opened_ = false, stopped_ = false, ran_ = false, dragged_ = false;
  bool broken_off_ = false;  // what runs, for somebody who wants to go elsewhere
  std::shared_ptr<const Answered> last_;
  Stop stop_;                     // the last
  std::deque<u64> stops_;         // where the last ones by breakpoints, watchpoints and events were
  u64 moment_ = 1, retired_ = 0;  // rises whenever the machine has moved
  u64 news_ = 1, answered_ = 0;   // rises with all that an answer may tell; and when the last was given
  Stands answered_as_ = Stands::still;
  HostClock::time_point answered_at_{};
  Asked asked_;
  std::array<Shown, view_count> shown_;
  u64 code_from_ = ~u64{0};
};

}  // namespace ringside
