// Owns one session of the debugger from the command line to its exit status.
#include "frontend/headless/debug_session.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "frontend/debug/console.h"
#include "frontend/headless/embedded.h"
#include "frontend/headless/listings.h"
#include "frontend/headless/options.h"
#include "frontend/headless/output.h"
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
    machine_ = Machine::create(run_.machine, error);
    if (!machine_) return fail(error);
    if (boots_embedded(run_.machine)) install_embedded(*machine_);
    if (!serial_.open("-serial", *run_.serial, error)) return fail(error);
    if (!console_.open("-debugcon", *run_.debugcon, error)) return fail(error);
    machine_->on_serial([this](u8 byte) { out(serial_, *run_.serial, byte); });
    machine_->on_debug_console([this](u8 byte) { out(console_, *run_.debugcon, byte); });

    Debugger debugger(*machine_);
    Symbols symbols;
    if (!load_symbols(run_, symbols, error)) return fail(error);
    Commands commands(debugger, symbols, [this](std::string_view text) { write(text); });
    commands.set_colour(isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR"));
    commands.on_send([this](std::string_view bytes) {
      std::size_t went = 0;
      while (went < bytes.size() && machine_->serial_input(static_cast<u8>(bytes[went]))) ++went;
      return went;
    });
    debugger.on_slice([this] { flush(); });
    for (const std::string& warning : run_.warnings) say("warning: " + warning);
    catch_interrupts();
    const int status = scripts(commands, debugger);
    if (status == exit_ok && !left_ && !options_.batch) {
      commands.show(debugger.here());
      Console console(commands);
      console.on_command([&](bool begins) { around(debugger, begins); });
      console.converse();
    }
    flush();
    for (const Stream* stream : {&serial_, &console_}) {
      if (!stream->failure().empty()) return fail(stream->failure());
    }
    return broken_ ? exit_failed : status;
  }

 private:
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
      if (left_) return exit_ok;
      if (result == Commands::Result::failed && options_.batch) return exit_failed;
    }
    return exit_ok;
  }

  void around(Debugger& debugger, bool begins) {
    to_interrupt = begins ? &debugger : nullptr;
    debugger.take_interrupt();
    flush();
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
  bool guest_in_line_ = false, left_ = false;
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
