// Owns one run from the command line to its exit status.
#include "frontend/program/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "frontend/gdb/server.h"
#include "frontend/program/embedded.h"
#include "frontend/program/exit_reports.h"
#include "frontend/program/expect.h"
#include "frontend/program/output.h"
#include "frontend/program/stats.h"
#include "frontend/program/terminal.h"

namespace ringside {
namespace {

using HostClock = std::chrono::steady_clock;

double seconds_since(HostClock::time_point start) {
  return std::chrono::duration<double>(HostClock::now() - start).count();
}

// Every CPU sleeps where no interrupt reaches it; only an NMI could, and none is waiting.
bool all_deaf(Machine& machine) {
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    const Cpu& cpu = machine.cpu(n);
    const bool halted = cpu.activity == Activity::hlt && (cpu.eflags() & Eflags::IF) == 0 && !cpu.nmi_pending;
    if (!halted && cpu.activity != Activity::wait_for_sipi) return false;
  }
  return true;
}

class Session {
 public:
  explicit Session(RunOptions options) : options_(std::move(options)) {}

  int run() {
    if (!prepare()) return exit_failed;
    {
      Input input(options_.serial->kind == Sink::Kind::standard);
      loop(input);
      if (gdb_) gdb_->finish(summary_.status);
      reports_.flush();
      flush_outputs();
      signals_.watch(nullptr);
    }  // the terminal is its owner's again before anything more is said
    return conclude();
  }

 private:
  // Instructions between two looks at the host. Input arrives at these borders only, so that a file as input
  // arrives at the same instructions every time.
  static constexpr u64 batch_slice = 200'000, interactive_slice = 50'000;
  static constexpr double longest_nap = 0.05;

  bool prepare();
  bool prepare_gdb(std::string& error);
  bool reboot(const std::string& why);
  bool start_again(std::string& error);
  void connect();
  void loop(Input& input);
  bool step(Input& input);
  bool stand_still(Input& input);
  bool flush_outputs();
  bool host_ends(Input& input);
  bool machine_ended(const Ending& ending, Input& input);
  bool offer(Input& input);
  bool sleeps_for_ever(const Input& input);
  void keep_pace(Input& input);
  bool watched() const { return gdb_ && gdb_->client(); }  // a gdb is there
  void end(std::string ending, std::string reason, int status);
  double time_left() const { return options_.timeout - seconds_since(start_); }
  int conclude();

  RunOptions options_;
  SignalGuard signals_;
  std::unique_ptr<Machine> machine_;
  Stream serial_, console_;
  ExitReports reports_;
  std::unique_ptr<GdbServer> gdb_;  // nullptr: gdb is not let in
  Expect expect_;
  RunSummary summary_;
  u64 retired_before_ = 0;  // by the machine before its last reboot
  HostClock::time_point start_ = HostClock::now();
  // The last time an instruction retired.
  u64 awake_retired_ = 0;
  double awake_guest_ = 0;
  // When the host's and the guest's time last agreed.
  HostClock::time_point pace_host_ = start_;
  double pace_guest_ = 0;
};

bool Session::prepare() {
  std::string error;
  const auto refuse = [&] {
    say(error);
    return false;
  };
  for (const std::string& warning : options_.warnings) say("warning: " + warning);
  if (!options_.expect.empty() && !expect_.compile(options_.expect, error)) return refuse();
  // Before the guest runs: a day's run must not end with a file that cannot be written.
  if (!options_.stats.empty() && !check_writable("--stats", options_.stats, error)) return refuse();
  const auto check = [&](const char* flag, const Sink& sink) {
    return sink.kind != Sink::Kind::file || check_writable(flag, sink.path, error);
  };
  if (!check("-serial", *options_.serial) || !check("-debugcon", *options_.debugcon)) return refuse();
  machine_ = Machine::create(options_.machine, error);
  if (!machine_) return refuse();
  if (machine_->dispatcher() != options_.machine.dispatcher)
    say("-accel emitted: not on this host, which is no x86-64 or gives no executable memory; using "
        "reference");
  if (boots_embedded(options_.machine)) install_embedded(*machine_);
  if (!serial_.open("-serial", *options_.serial, error)) return refuse();
  if (!console_.open("-debugcon", *options_.debugcon, error)) return refuse();
  const auto flush_serial = [this] { serial_.flush(); };  // what the guest has printed so far comes first
  if (!reports_.prepare(options_, *machine_, flush_serial, error) || !prepare_gdb(error)) return refuse();
  connect();
  signals_.watch(machine_.get());
  return true;
}

bool Session::prepare_gdb(std::string& error) {
  if (!options_.gdb) return true;
  gdb_ = std::make_unique<GdbServer>(*machine_);
  if (!gdb_->listen(*options_.gdb, error)) return false;
  if (!load_symbols(options_, gdb_->symbols(), error)) return false;
  if (options_.start_stopped) gdb_->hold();
  gdb_->on_restart([this](std::string& why) { return start_again(why); });
  // What takes long inside one step is stopped, too.
  gdb_->debugger().on_slice([this] {
    serial_.flush();
    console_.flush();
    if (signals_.caught() || gdb_->client_waits()) gdb_->debugger().interrupt();
  });
  say(fmt::format("{} gdb: target remote {}", options_.start_stopped ? "waiting for" : "ready for",
                  gdb_->address()));
  return true;
}

void Session::connect() {
  machine_->on_serial([this](u8 byte) {
    serial_.put(byte);
    if (expect_.output(byte)) machine_->interrupt();
  });
  // Both on standard output: one order, that of the guest.
  const bool shared =
      options_.debugcon->kind == Sink::Kind::standard && options_.serial->kind == Sink::Kind::standard;
  machine_->on_debug_console([this, shared](u8 byte) { (shared ? serial_ : console_).put(byte); });
}

void Session::loop(Input& input) {
  start_ = pace_host_ = HostClock::now();
  while (step(input)) {
  }
  summary_.host_seconds = seconds_since(start_);
}

// One slice; false: the run is over and summary_ says how.
bool Session::step(Input& input) {
  if (gdb_) {
    gdb_->poll();
    switch (gdb_->stub().take_wish()) {
      case GdbStub::Wish::none: break;
      case GdbStub::Wish::kill: end("killed", "ended by gdb", exit_ok); return false;
      case GdbStub::Wish::restart:
        if (!reboot("gdb restarted the machine")) return false;
        gdb_->hold();
        break;
    }
    if (gdb_->holds()) return stand_still(input);
  }
  u64 slice = input.interactive() ? interactive_slice : batch_slice;
  if (options_.max_instructions) {
    const u64 done = retired_before_ + machine_->retired();
    slice = std::min(slice, options_.max_instructions - std::min(done, options_.max_instructions));
    if (slice == 0) {
      end("max-instructions", fmt::format("--max-instructions {}: reached", options_.max_instructions),
          exit_limit);
      return false;
    }
  }
  const Ending ending = gdb_ ? gdb_->run(slice) : machine_->run(slice);
  if (host_ends(input)) return false;
  if (ending.why != Ending::Why::running) return !machine_ended(ending, input);
  if (sleeps_for_ever(input)) {
    if (!watched()) {
      end("idle", "the guest halted for ever: no interrupt wakes its CPUs", exit_failed);
      return false;
    }
    input.poll(static_cast<int>(longest_nap * 1000), gdb_->descriptor());
  }
  input.poll(0);
  if (input.quit()) {
    end("quit", "ended by the escape key", exit_ok);
    return false;
  }
  offer(input);
  if (input.interactive()) keep_pace(input);
  return true;
}

// What the guest has said goes out. False: one of the outputs cannot be written, which ends the run.
bool Session::flush_outputs() {
  serial_.flush();
  console_.flush();
  for (const std::string* failure : {&serial_.failure(), &console_.failure(), &reports_.failure()}) {
    if (failure->empty()) continue;
    end("output", *failure, exit_failed);
    return false;
  }
  return true;
}

// True: something outside the machine ends the run.
bool Session::host_ends(Input& input) {
  if (!flush_outputs()) return true;
  if (expect_.matched()) {
    end("expected", "the serial output matched --expect", exit_ok);
    return true;
  }
  if (const int number = signals_.caught()) {
    end("interrupted", fmt::format("interrupted by signal {}", number), 128 + number);
    return true;
  }
  if (options_.timeout > 0 && time_left() <= 0) {
    end("timeout", fmt::format("--timeout {}: reached", options_.timeout), exit_limit);
    return true;
  }
  if (input.quit()) {
    end("quit", "ended by the escape key", exit_ok);
    return true;
  }
  return false;
}

// While gdb's user looks: the machine gets no input, and no time passes for it. False: the run is over.
bool Session::stand_still(Input& input) {
  constexpr int nap = 1000;
  const int most =
      options_.timeout > 0 ? static_cast<int>(std::ceil(std::clamp(time_left(), 0.0, 1.0) * 1000)) : nap;
  input.poll(most, gdb_->descriptor());
  pace_host_ = HostClock::now();
  pace_guest_ = machine_->seconds();
  return !host_ends(input);
}

// Hands input over until the guest's receiver is full; true if some went.
bool Session::offer(Input& input) {
  bool went = false;
  while (!input.empty() && machine_->serial_input(input.front())) {
    input.pop();
    went = true;
  }
  return went;
}

// Some timers tick whether or not anybody listens, so that such a machine is not idle. True: nothing can come
// of this sleep, or nothing came of it in a day and nobody is there to type.
bool Session::sleeps_for_ever(const Input& input) {
  constexpr double patience = 1, patience_unattended = 24 * 3600;
  const double now = machine_->seconds();
  if (machine_->retired() != awake_retired_) {
    awake_retired_ = machine_->retired();
    awake_guest_ = now;
    return false;
  }
  const double asleep = now - awake_guest_;
  return (asleep > patience && all_deaf(*machine_)) || (asleep > patience_unattended && !input.open());
}

// A guest that only waits for its timers would run ahead of the person in front of it, and keep the host
// busy. What it sees does not change: its time is counted in instructions.
void Session::keep_pace(Input& input) {
  const double guest = machine_->seconds();
  const double ahead = (guest - pace_guest_) - seconds_since(pace_host_);
  if (ahead <= 0) {
    pace_host_ = HostClock::now();
    pace_guest_ = guest;
    return;
  }
  if (const int nap = static_cast<int>(std::min(ahead, longest_nap) * 1000); nap > 0) {
    input.poll(nap);
    offer(input);
  }
}

// False: it failed, and the run is over.
bool Session::reboot(const std::string& why) {
  std::string error;
  if (start_again(error)) return true;
  end("reset", fmt::format("{}; it cannot be started again: {}", why, error), exit_failed);
  return false;
}

// False: it failed, and the machine is as it was.
bool Session::start_again(std::string& error) {
  const u64 retired = machine_->retired();
  if (!machine_->reboot(error)) return false;
  retired_before_ += retired;
  ++summary_.reboots;
  if (boots_embedded(options_.machine)) install_embedded(*machine_);
  reports_.attach(*machine_);
  if (gdb_) gdb_->rebooted();
  pace_host_ = HostClock::now();
  pace_guest_ = awake_guest_ = 0;
  awake_retired_ = 0;
  return true;
}

// True: the run is over.
bool Session::machine_ended(const Ending& ending, Input& input) {
  switch (ending.why) {
    case Ending::Why::running: return false;
    case Ending::Why::power_off: end("power-off", ending.reason, exit_ok); return true;
    case Ending::Why::debug_exit: end("debug-exit", ending.reason, ending.status & 0xff); return true;
    case Ending::Why::shutdown: end("shutdown", ending.reason, exit_failed); return true;
    case Ending::Why::reset:
      if (options_.no_reboot) {
        end("reset", ending.reason, exit_ok);
        return true;
      }
      return !reboot(ending.reason);
    case Ending::Why::idle: break;
  }
  while (!offer(input)) {
    if (!watched() && (!input.open() || all_deaf(*machine_))) {
      end("idle", fmt::format("the guest halted for ever: {}", ending.reason), exit_failed);
      return true;
    }
    const double wait = options_.timeout > 0 ? std::clamp(time_left(), 0.0, 3600.0) : -1;
    input.poll(wait < 0 ? -1 : static_cast<int>(std::ceil(wait * 1000)), gdb_ ? gdb_->descriptor() : -1);
    if (gdb_ || input.quit() || signals_.caught() || (options_.timeout > 0 && time_left() <= 0)) break;
  }
  if (input.quit()) {
    end("quit", "ended by the escape key", exit_ok);
    return true;
  }
  return false;
}

void Session::end(std::string ending, std::string reason, int status) {
  summary_.ending = std::move(ending);
  summary_.reason = std::move(reason);
  summary_.status = status;
}

int Session::conclude() {
  summary_.instructions = retired_before_ + machine_->retired();
  const bool failed = summary_.ending == "shutdown" || summary_.ending == "idle" ||
                      summary_.ending == "output" ||
                      (summary_.ending == "reset" && summary_.status != exit_ok);
  if (failed || summary_.status == exit_limit || summary_.ending == "interrupted") {
    say(fmt::format("{} (after {} instructions)", summary_.reason, summary_.instructions));
  }
  if (expect_.active() && !expect_.matched() && summary_.status < exit_limit) {
    say(fmt::format("--expect {}: the run ended without a match ({})", options_.expect, summary_.reason));
    summary_.status = exit_failed;
  }
  std::string error;
  if (!reports_.conclude(options_, error)) {
    say(error);
    return exit_failed;
  }
  if (!options_.stats.empty() &&
      !write_whole_file("--stats", options_.stats, stats_json(options_, *machine_, summary_), error)) {
    say(error);
    return exit_failed;
  }
  return summary_.status;
}

}  // namespace

int run_session(RunOptions options) { return Session(std::move(options)).run(); }

}  // namespace ringside
