// Owns one session: from the flags to a machine, its limits and expectations, and to an exit status.
#include "frontend/program/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontend/program/embedded.h"

namespace ringside {

Session::Session(RunOptions options) : options_(std::move(options)) {}

double Session::host_seconds() const {
  return std::chrono::duration<double>(HostClock::now() - start_).count();
}

double Session::time_left(double most) const {
  return options_.timeout > 0 ? std::clamp(options_.timeout - host_seconds(), 0.0, most) : most;
}

// Before the guest runs: a day's run must not end with a file that cannot be written.
bool Session::check_outputs(std::string& error) const {
  const auto check = [&](const char* flag, const Sink& sink) {
    return sink.kind != Sink::Kind::file || check_writable(flag, sink.path, error);
  };
  return (options_.stats.empty() || check_writable("--stats", options_.stats, error)) &&
         check("-serial", *options_.serial) && check("-debugcon", *options_.debugcon);
}

bool Session::prepare(std::string& error) {
  for (const std::string& warning : options_.warnings) say("warning: " + warning);
  if (!options_.expect.empty() && !expect_.compile(options_.expect, error)) return false;
  if (!check_outputs(error)) return false;
  machine_ = Machine::create(options_.machine, error);
  if (!machine_) return false;
  if (machine_->dispatcher() != options_.machine.dispatcher)
    say("-accel emitted: not on this host, which is no x86-64 or gives no executable memory; using "
        "reference");
  install();
  if (!load_named_symbols(options_, symbols_, error)) return false;
  if (!serial_.open("-serial", *options_.serial, error)) return false;
  if (!console_.open("-debugcon", *options_.debugcon, error)) return false;
  const auto before_story = [this] { flush(); };  // what the guest has printed so far comes first
  const auto names = [this]() -> const Symbols& { return symbols(); };
  if (!reports_.prepare(options_, *machine_, names, before_story, error)) return false;
  connect();
  return true;
}

void Session::install() {
  if (boots_embedded(options_.machine)) install_embedded(*machine_);
}

Symbols& Session::symbols() {
  if (!std::exchange(own_symbols_, true)) load_own_symbols(options_.machine, symbols_);
  return symbols_;
}

Debugger& Session::debugger() {
  if (!debugger_) {
    debugger_ = std::make_unique<Debugger>(*machine_);
    debugger_->use_symbols(&symbols());
  }
  return *debugger_;
}

bool Session::let_gdb_in(std::string& error) {
  if (!options_.gdb) return true;
  gdb_ = std::make_unique<GdbServer>(debugger(), symbols());
  gdb_->on_restart([this](std::string& why) { return restart(why); });
  return gdb_->listen(*options_.gdb, error);
}

void Session::connect() {
  const auto standard = [](const Sink& sink) { return sink.kind == Sink::Kind::standard; };
  const bool both = standard(*options_.debugcon) && standard(*options_.serial);
  machine_->on_serial([this, shown = standard(*options_.serial)](u8 byte) {
    serial_.put(byte);
    if (shown && printed_) printed_(byte);
    if (!expect_.output(byte)) return;
    if (enough_) return enough_();
    machine_->interrupt();
  });
  // Both on standard output: one order, that of the guest.
  machine_->on_debug_console([this, both, shown = standard(*options_.debugcon)](u8 byte) {
    (both ? serial_ : console_).put(byte);
    if (shown && printed_) printed_(byte);
  });
}

void Session::flush() {
  serial_.flush();
  console_.flush();
}

u64 Session::allowed(u64 slice) {
  if (options_.max_instructions == 0) return slice;
  const u64 done = retired_before_ + machine_->retired();
  const u64 left = options_.max_instructions - std::min(done, options_.max_instructions);
  if (left == 0)
    end("max-instructions", fmt::format("--max-instructions {}: reached", options_.max_instructions),
        exit_limit);
  return std::min(slice, left);
}

// What is wrong with one of the outputs, one line; nullptr: nothing yet.
const std::string* Session::failed_output() const {
  for (const std::string* failure : {&serial_.failure(), &console_.failure(), &reports_.failure()}) {
    if (!failure->empty()) return failure;
  }
  return nullptr;
}

bool Session::late() {
  if (options_.timeout <= 0 || host_seconds() < options_.timeout) return false;
  end("timeout", fmt::format("--timeout {}: reached", options_.timeout), exit_limit);
  return true;
}

bool Session::ended_from_outside() {
  flush();
  if (const std::string* failure = failed_output()) {
    end("output", *failure, exit_failed);
    return true;
  }
  if (satisfied()) {
    end("expected", "the serial output matched --expect", exit_ok);
    return true;
  }
  return late();
}

bool Session::restart(std::string& error) {
  const u64 retired = machine_->retired();
  if (!machine_->reboot(error)) return false;
  retired_before_ += retired;
  ++summary_.reboots;
  install();
  reports_.attach(*machine_);
  if (debugger_) debugger_->attach();
  if (gdb_) gdb_->rebooted();
  return true;
}

void Session::end(std::string ending, std::string reason, int status) {
  if (over()) return;
  summary_.ending = std::move(ending);
  summary_.reason = std::move(reason);
  summary_.status = status;
  summary_.host_seconds = host_seconds();
}

void Session::tell_end() {
  const std::string& ending = summary_.ending;
  const bool failed = ending == "shutdown" || ending == "idle" || ending == "output" ||
                      (ending == "reset" && summary_.status != exit_ok);
  if (failed || summary_.status == exit_limit || ending == "interrupted")
    say(fmt::format("{} (after {} instructions)", summary_.reason, summary_.instructions));
  if (!expect_.active() || satisfied() || summary_.status >= exit_limit) return;
  say(fmt::format("--expect {}: the run ended without a match ({})", options_.expect, summary_.reason));
  summary_.status = exit_failed;
}

int Session::conclude() {
  reports_.flush();
  flush();
  // The last that was printed must have gone out, too.
  if (const std::string* failure = failed_output()) {
    summary_.ending = "output";
    summary_.reason = *failure;
    summary_.status = exit_failed;
  }
  summary_.instructions = retired_before_ + machine_->retired();
  tell_end();
  std::string error;
  if (reports_.conclude(options_, error) &&
      (options_.stats.empty() ||
       write_whole_file("--stats", options_.stats, stats_json(options_, *machine_, summary_), error)))
    return summary_.status;
  say(error);
  return exit_failed;
}

}  // namespace ringside
