// Owns one session of the debugger from the command line to its exit status.
#include "frontend/program/debug_session.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>

#include "frontend/commands/console.h"
#include "frontend/program/embedded.h"
#include "frontend/program/exit_reports.h"
#include "frontend/program/expect.h"
#include "frontend/program/listings.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"
#include "frontend/program/stats.h"
#include "frontend/machine/load_image.h"

namespace ringside {
namespace {

int refuse(const std::string& error) {
  say(error);
  return exit_usage;
}

int shown(const std::string& text) { return print(text) ? exit_ok : exit_failed; }

// The one way from a signal's handler to the debugger: who is to be interrupted, while something runs.
std::atomic<Debugger*> to_interrupt = nullptr;

void on_signal(int) {
  if (Debugger* debugger = to_interrupt.load()) debugger->interrupt();
}

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
}

struct Script {
  bool file = false;
  std::string text;  // its name, or the line itself
};
struct DebugOptions {
  std::vector<Script> scripts;
  bool batch = false;
};

// Takes the debugger's own flags out of `words`. False: `error`.
bool take_options(std::vector<std::string_view>& words, DebugOptions& options, std::string& error) {
  std::vector<std::string_view> rest;
  for (std::size_t n = 0; n < words.size(); ++n) {
    const std::string_view word = words[n];
    if (word == "--batch" || word == "-batch") {
      options.batch = true;
    } else if (word == "-x" || word == "-ex") {
      if (n + 1 == words.size()) {
        error = fmt::format("{}: {} is missing", word, word == "-x" ? "the script's file" : "the command");
        return false;
      }
      options.scripts.push_back({word == "-x", std::string(words[++n])});
    } else {
      rest.push_back(word);
    }
  }
  words = std::move(rest);
  return true;
}

class DebugSession {
 public:
  DebugSession(RunOptions run, DebugOptions options) : run_(std::move(run)), options_(std::move(options)) {}

  int converse() {
    std::string error;
    if (!prepare(error)) return fail(error);
    Debugger debugger(*machine_);
    Symbols symbols;
    if (!load_symbols(run_, symbols, error)) return fail(error);
    Commands commands(debugger, symbols, [this](std::string_view text) { write(text); });
    connect(debugger, commands);
    for (const std::string& warning : run_.warnings) say("warning: " + warning);
    catch_interrupts();
    start_ = HostClock::now();
    const int status = scripts(commands, debugger);
    if (status == exit_ok && !left_ && !late_ && !options_.batch) {
      commands.show(debugger.here());
      Console console(commands);
      console.on_command([&](bool begins) {
        around(debugger, begins);
        return !late_;
      });
      console.converse();
    }
    flush();
    return conclude(debugger, status);
  }

 private:
  void install_roms() {
    if (boots_embedded(run_.machine)) install_embedded(*machine_);
  }

  bool prepare(std::string& error) {
    if (!run_.expect.empty() && !expect_.compile(run_.expect, error)) return false;
    if (!run_.stats.empty() && !check_writable("--stats", run_.stats, error)) return false;
    machine_ = Machine::create(run_.machine, error);
    if (!machine_) return false;
    install_roms();
    const auto before_story = [this] { flush(); };
    return serial_.open("-serial", *run_.serial, error) &&
           console_.open("-debugcon", *run_.debugcon, error) &&
           reports_.prepare(run_, *machine_, before_story, error);
  }

  void connect(Debugger& debugger, Commands& commands) {
    machine_->on_serial([&](u8 byte) {
      out(serial_, *run_.serial, byte);
      if (!expect_.output(byte)) return;
      note_ = "the serial output matched --expect";
      debugger.interrupt();
    });
    machine_->on_debug_console([this](u8 byte) { out(console_, *run_.debugcon, byte); });
    commands.set_colour(isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR"));
    commands.on_send([this](std::string_view bytes) {
      std::size_t went = 0;
      while (went < bytes.size() && machine_->serial_input(static_cast<u8>(bytes[went]))) ++went;
      return went;
    });
    commands.on_restart([this](std::string& why) {
      const u64 retired = machine_->retired();
      if (!machine_->reboot(why)) return false;
      retired_before_ += retired;
      ++restarts_;
      install_roms();
      reports_.attach(*machine_);
      return true;
    });
    debugger.on_slice([&] {
      flush();
      if (time_is_up()) debugger.interrupt();
    });
  }

  double seconds() const { return std::chrono::duration<double>(HostClock::now() - start_).count(); }
  bool time_is_up() const { return run_.timeout > 0 && seconds() >= run_.timeout; }

  // A limit that was reached and an expectation that was not met come before what the commands said.
  int conclude(Debugger& debugger, int status) {
    std::string error;
    if (late_) status = exit_limit;
    if (expect_.active() && !expect_.matched()) {
      say(fmt::format("--expect {}: the session ended without a match", run_.expect));
      if (status == exit_ok) status = exit_failed;
    }
    reports_.flush();
    for (const std::string* failure : {&serial_.failure(), &console_.failure(), &reports_.failure()}) {
      if (!failure->empty()) return fail(*failure);
    }
    if (!reports_.conclude(run_, error)) return fail(error);
    if (!run_.stats.empty() && !write_stats(debugger, status, error)) return fail(error);
    return broken_ ? exit_failed : status;
  }

  bool write_stats(Debugger& debugger, int status, std::string& error) {
    RunSummary summary;
    const Stop here = debugger.here();
    summary.ending = late_ ? "timeout" : expect_.matched() ? "expected" : "debugger";
    summary.reason = "the debugger's session ended";
    if (here.kind == Stop::Kind::ended) summary.reason = here.text;
    if (!note_.empty()) summary.reason = note_;
    summary.status = status;
    summary.host_seconds = seconds();
    summary.reboots = restarts_;
    summary.instructions = retired_before_ + machine_->retired();
    return write_whole_file("--stats", run_.stats, stats_json(run_, *machine_, summary), error);
  }

  int fail(const std::string& error) {
    say(error);
    return exit_failed;
  }

  int scripts(Commands& commands, Debugger& debugger) {
    for (const Script& script : options_.scripts) {
      Image image;
      std::string error, text = script.text;
      constexpr u64 most = 16u << 20;
      if (script.file) {
        if (!read_image(script.text, "script", most, image, error)) return fail(error);
        text.assign(image.bytes.begin(), image.bytes.end());
      }
      around(debugger, true);
      const Commands::Result result = commands.execute_script(text, script.file ? script.text : "-ex");
      around(debugger, false);
      left_ = result == Commands::Result::quit;
      if (left_ || late_) return exit_ok;
      if (result == Commands::Result::failed && options_.batch) return exit_failed;
    }
    return exit_ok;
  }

  void around(Debugger& debugger, bool begins) {
    to_interrupt = begins ? &debugger : nullptr;
    debugger.take_interrupt();
    flush();
    if (begins) return;
    if (!late_ && time_is_up()) {
      late_ = true;
      note_ = fmt::format("--timeout {}: reached", run_.timeout);
    }
    if (note_ == told_) return;
    told_ = note_;
    say(note_);
  }

  // The guest's words and the debugger's are in the order in which they came; each begins on a line of its
  // own.
  void write(std::string_view text) {
    flush();
    const std::string whole = std::string(guest_in_line_ ? "\n" : "").append(text);
    guest_in_line_ = false;
    if (!broken_) broken_ = !print(whole);
  }
  void out(Stream& stream, const Sink& sink, u8 byte) {
    stream.put(byte);
    if (sink.kind == Sink::Kind::standard) guest_in_line_ = byte != '\n';
  }
  void flush() {
    serial_.flush();
    console_.flush();
  }

  RunOptions run_;
  DebugOptions options_;
  std::unique_ptr<Machine> machine_;
  Stream serial_, console_;
  ExitReports reports_;
  Expect expect_;
  using HostClock = std::chrono::steady_clock;
  HostClock::time_point start_;
  std::string note_, told_;  // why the host stopped the machine, and what of it was said
  u64 retired_before_ = 0, restarts_ = 0;
  bool guest_in_line_ = false, left_ = false, late_ = false;
  bool broken_ = false;  // standard output
};

}  // namespace

int run_debugger(std::span<const std::string_view> arguments) {
  std::vector<std::string_view> words(arguments.begin(), arguments.end());
  DebugOptions options;
  std::string error;
  if (!take_options(words, options, error)) return refuse(error);
  auto parsed = parse_options(words, error);
  if (!parsed) return refuse(error);
  if (parsed->answer == Answer::help)
    return shown(fmt::format(
        "ringside debug [-x FILE] [-ex COMMAND] [--batch] [FLAG...], with the flags of a run.\n\n{}",
        help_of_commands()));
  if (parsed->answer != Answer::run) return shown(answer_text(parsed->answer));
  for (const std::string& flag : parsed->run_only)
    parsed->run.warnings.push_back(fmt::format("{}: does nothing under ringside debug; leave it out", flag));
  return DebugSession(std::move(parsed->run), std::move(options)).converse();
}

}  // namespace ringside
