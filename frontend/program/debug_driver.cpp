// Owns `ringside debug`: a session that goes on as commands say, those of its console and those of gdb.
#include "frontend/program/debug_driver.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>

#include "frontend/commands/console.h"
#include "frontend/conform/running/output_lines.h"
#include "frontend/inspector/exit_list.h"
#include "frontend/program/display.h"
#include "frontend/program/inspecting.h"
#include "frontend/program/listings.h"
#include "frontend/program/option_values.h"
#include "frontend/program/pager.h"
#include "frontend/program/output.h"
#include "frontend/program/session.h"
#include "frontend/program/session_commands.h"
#include "frontend/machine/load_image.h"

namespace ringside {
namespace {

int shown(const std::string& text) { return print(text) ? exit_ok : exit_failed; }

// The one way from a signal's handler to the debugger: who is to be interrupted, while something runs.
std::atomic<Debugger*> to_interrupt = nullptr;
std::atomic<bool> interrupted = false;  // since something began to run

void on_signal(int) {
  interrupted = true;
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
  u64 at_line = 0;     // where the first stop is: behind this line of the guest's output; 0: at the start
  u64 last_exits = 0;  // so many are told once the scripts are done
  bool batch = false, pager = true;
};

// False: `error`.
bool take_count(std::string_view flag, std::string_view value, u64& to, std::string& error) {
  const auto count = parse_number(value);
  if (count && *count > 0) to = *count;
  if (!count || *count == 0)
    error = fmt::format("{} {}: not a count; give a whole number above 0", flag, value);
  return error.empty();
}

// Takes the debugger's own flags out of `words`. False: `error`.
bool take_options(std::vector<std::string_view>& words, DebugOptions& options, std::string& error) {
  std::vector<std::string_view> rest;
  for (std::size_t n = 0; n < words.size(); ++n) {
    const std::string_view word = words[n];
    if (word == "--batch" || word == "-batch") {
      options.batch = true;
    } else if (word == "-nopager" || word == "--nopager" || word == "--no-pager") {
      options.pager = false;
    } else if (word == "--at-line" || word == "-at-line") {
      if (!take_count(word, n + 1 < words.size() ? words[++n] : "", options.at_line, error)) return false;
    } else if (word == "--last-exits" || word == "-last-exits") {
      if (!take_count(word, n + 1 < words.size() ? words[++n] : "", options.last_exits, error)) return false;
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

// A session that runs as the commands at its console say, and as gdb says while the console waits for the
// next one: both have the same machine, breakpoints and stops.
class Conversation {
 public:
  Conversation(RunOptions run, DebugOptions options)
      : session_(std::move(run)), options_(std::move(options)) {}

  int run() {
    std::string error;
    if (!session_.prepare(error) || !session_.let_gdb_in(error) || !open_window(error))
      return session_.refuse(error);
    session_.keep_past();
    Commands commands(debugger(), session_.symbols(), [this](std::string_view text) { write(text); });
    connect(commands);
    catch_interrupts();
    session_.start();
    session_.stay_behind_recording();
    display_.deaf_while([this] { return session_.replays(); });
    run_to_line(commands);
    const int status = session_.over() ? exit_ok : scripts(commands);
    tell_exits(commands);
    if (status == exit_ok && !left_ && !session_.over() && !options_.batch) converse(commands);
    to_interrupt = nullptr;
    conclude(status);
    return broken_ ? exit_failed : session_.conclude();
  }

 private:
  Debugger& debugger() { return session_.debugger(); }
  GdbServer* gdb() { return session_.gdb(); }

  bool open_window(std::string& error) {
    const RunOptions& options = session_.options();
    display_.set_standing(true);
    if (options.vnc && !display_.open_vnc(*options.vnc, options.name, error)) return false;
    if (!options.window.value_or(false)) return true;
    std::string no_panes;
    auto panes = inspecting_.make_panes(no_panes, error);
    return error.empty() && display_.open_asked(options.name, error, std::move(panes), no_panes);
  }

  // What people did in the window while the machine runs: input for the guest, or a wish to stop.
  void serve_window() {
    display_.serve(session_.machine());
    inspecting_.serve(Inspection::Stands::within);
    if (display_.quit() && !session_.over()) session_.end("quit", "ended from the window", exit_ok);
    if (display_.take_pause() || display_.quit()) debugger().interrupt();
  }

  void connect(Commands& commands) {
    session_.on_enough([this] { debugger().interrupt(); });
    session_.on_printed([this](u8 byte) {
      guest_in_line_ = byte != '\n';
      const char printed = static_cast<char>(byte);
      if (options_.at_line != 0) lines_.add({&printed, 1});
    });
    session_.on_reset([this](const std::string& why) {
      if (exits_) exits_->attach(session_.machine());
      write(why + "\n");
    });
    if (options_.last_exits > 0) {
      exits_ = std::make_unique<ExitList>(&session_.symbols(), &debugger().writers());
      exits_->attach(session_.machine());
    }
    connect_commands(session_, commands);
    commands.screen().pager = options_.pager;
    commands.set_colour(isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR"));
    commands.on_failure([](std::string_view line) { tell(line); });
    commands.on_stop([this](const Stop& stop) { inspecting_.tell_stop(stop); });
    debugger().on_slice([this] {
      session_.flush();
      session_.offer_input();
      serve_window();
      const bool decided = !told_ && session_.decided();
      if (decided || session_.limit_reached() || (gdb() && gdb()->client_waits())) debugger().interrupt();
    });
    if (!gdb()) return;
    gdb()->stop_machine();
    say(fmt::format("ready for gdb: target remote {}", gdb()->address()));
  }

  void converse(Commands& commands) {
    commands.show(debugger().here());
    Console console(commands);
    console.on_command([this, &commands](bool begins) {
      if (begins) pager_.begin(page(commands.screen()));
      if (!begins) pager_.begin({});
      around(begins);
      return !session_.over();
    });
    console.on_wait([this, &commands, &console] { return wait(commands, console); });
    console.converse();
  }

  // Until something is typed, for as long as --timeout leaves; what gdb wants is done meanwhile.
  Console::Waited wait(Commands& commands, Console& console) {
    constexpr double hour = 3600;
    while (!session_.limit_reached()) {
      if ((gdb() && serve_gdb(commands)) || serve_inspector(commands)) {
        console.show_prompt();
        continue;
      }
      display_.waited();
      display_.serve(session_.machine());
      display_.take_pause();  // it stands already
      if (display_.quit() && !session_.over()) session_.end("quit", "ended from the window", exit_ok);
      if (display_.quit() || left_) return Console::Waited::over;
      std::array<pollfd, 3> wait = {{{STDIN_FILENO, POLLIN, 0},
                                     {gdb() ? gdb()->descriptor() : -1, POLLIN, 0},
                                     {display_.there() ? display_.descriptor() : -1, POLLIN, 0}}};
      constexpr double soon = 0.015;  // what the inspector wants makes nothing readable
      double longest = display_.there() ? display_.longest_wait() : hour;
      if (inspecting_.open()) longest = soon;
      const int most = static_cast<int>(session_.time_left(longest) * 1000) + 1;
      const bool cut = ::poll(wait.data(), wait.size(), most) < 0;
      if (cut && !session_.limit_reached()) return Console::Waited::interrupted;
      if (wait[0].revents) return Console::Waited::input;
    }
    return Console::Waited::over;
  }

  // True: the machine ran.
  bool serve_gdb(Commands& commands) {
    gdb()->poll();
    if (gdb()->stub().take_request() == GdbStub::Request::restart) {
      std::string error;
      if (!session_.restart(error)) say(error);
      gdb()->stop_machine();
    }
    if (!gdb()->client()) gdb()->stop_machine();  // the console has the machine for itself again
    if (gdb()->machine_stopped()) return false;
    run_for_gdb(commands);
    return true;
  }

  // While the console waits: what the inspector's people want. True: the machine ran.
  bool serve_inspector(Commands& commands) {
    if (!inspecting_.ordered()) {
      inspecting_.serve(Inspection::Stands::still);
      return false;
    }
    const u64 before = session_.machine().retired();
    const bool dragged = inspecting_.get() && inspecting_.get()->dragged();
    around(true);
    const Inspection::Wish wish = inspecting_.serve(Inspection::Stands::still);
    if (wish == Inspection::Wish::run) {
      write("");
      commands.print("the inspector lets the machine run; Ctrl-C stops it");
      const Stop stop = debugger().run();
      commands.show(stop);
      commands.stopped(stop);
      inspecting_.get()->commands().show(stop);
    }
    around(false);
    left_ |= wish == Inspection::Wish::quit;
    // Of somebody who drags the time line only the end is told.
    const bool moved = dragged || session_.machine().retired() != before;
    const bool ran = moved && !inspecting_.get()->dragged();
    if (ran && wish != Inspection::Wish::run) commands.show(inspecting_.get()->last_stop());
    return ran;
  }

  // As the client wants it, until it stops; both are told.
  void run_for_gdb(Commands& commands) {
    constexpr u64 slice = 200'000;
    around(true);
    write("");
    commands.print("gdb lets the machine run; Ctrl-C stops it");
    Ending ending;
    interrupted = false;
    while (!gdb()->machine_stopped() && ending.why == Ending::Why::running && !session_.over()) {
      ending = gdb()->run(slice);
      if (interrupted || session_.limit_reached()) break;
      gdb()->poll();
      if (!gdb()->client()) gdb()->stop_machine();
    }
    // Nobody else has told the client that the machine stands.
    if (!gdb()->machine_stopped()) {
      const bool gone = ending.why != Ending::Why::running && ending.why != Ending::Why::idle;
      if (gone) gdb()->finish(ending.status);
      if (!gone) gdb()->stub().stopped({Stop::Kind::interrupted, debugger().selected(), 0, false, ""});
      gdb()->poll();
      gdb()->stop_machine();
    }
    around(false);
    commands.show(debugger().here());
  }

  // What of the session's end the commands know.
  void conclude(int status) {
    const Stop here = debugger().here();
    std::string reason = "the debugger's session ended";
    if (here.kind == Stop::Kind::ended) reason = here.text;
    session_.end("debugger", reason, status);
  }

  int fail(const std::string& error) {
    say(error);
    return exit_failed;
  }

  // --at-line: who printed that line is the first who is looked at.
  void run_to_line(Commands& commands) {
    if (options_.at_line == 0) return;
    pager_.begin({page(commands.screen()).width, 0});
    around(true);
    commands.execute_script("continue", "--at-line");
    around(false);
    options_.at_line = 0;
  }

  // --last-exits, the newest last.
  void tell_exits(Commands& commands) {
    if (!exits_) return;
    const u64 seen = exits_->seen();
    around(true);
    if (seen > 0) write("the last events of VMX:\n");
    for (u64 number = seen - std::min(seen, options_.last_exits) + 1; number <= seen; ++number)
      commands.look(exits_->explain(number));
    around(false);
  }

  int scripts(Commands& commands) {
    for (const Script& script : options_.scripts) {
      Image image;
      std::string error, text = script.text;
      constexpr u64 most = 16u << 20;
      if (script.file) {
        if (!read_image(script.text, "script", most, image, error)) return fail(error);
        text.assign(image.bytes.begin(), image.bytes.end());
      }
      pager_.begin({page(commands.screen()).width, 0});
      around(true);
      const Commands::Result result = commands.execute_script(text, script.file ? script.text : "-ex");
      around(false);
      left_ = result == Commands::Result::quit;
      if (left_ || session_.over()) return exit_ok;
      if (result == Commands::Result::failed && options_.batch) return exit_failed;
    }
    return exit_ok;
  }

  void around(bool begins) {
    to_interrupt = begins ? &debugger() : nullptr;
    display_.set_standing(!begins);
    debugger().take_interrupt();
    session_.flush();
    if (begins || session_.limit_reached() || !session_.decided() || std::exchange(told_, true)) return;
    say(session_.decision());
  }

  // The guest's words and the debugger's are in the order in which they came; each begins on a line of its
  // own.
  void write(std::string_view text) {
    session_.flush();
    const std::string whole = std::string(guest_in_line_ ? "\n" : "").append(text);
    guest_in_line_ = false;
    if (!broken_ && !whole.empty()) broken_ = !pager_.show(whole);
  }

  // What fits on the screen; nothing is wrapped or stopped at where no person looks.
  static TerminalSize page(const Commands::Screen& screen) {
    TerminalSize size = terminal_size(STDOUT_FILENO);
    if (screen.width) size.width = screen.width == Commands::Screen::unlimited ? 0 : screen.width;
    if (screen.height) size.height = screen.height == Commands::Screen::unlimited ? 0 : screen.height;
    if (!screen.pager || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) size.height = 0;
    return size;
  }

  Session session_;
  Inspecting inspecting_{session_};
  Display display_;
  DebugOptions options_;
  Pager pager_{[](std::string_view text) { return print(text); }};
  std::unique_ptr<ExitList> exits_;  // nullptr: nobody asked for the last of them
  conform::OutputLines lines_{[this](std::string_view, u64 number) {
    if (number == options_.at_line)
      debugger().stop_after_this(fmt::format("line {} of the output is complete", number));
  }};
  bool told_ = false;  // what decided --expect or --fail-on
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
    return shown(
        fmt::format("ringside debug [FLAG...] [-x FILE] [-ex COMMAND] [--batch] [-nopager] [--at-line N] "
                    "[--last-exits N], with the flags of a run.\n--at-line N: the first stop is where line N "
                    "of the guest's output is complete.\n--last-exits N: after the scripts, the last N VM "
                    "exits, refused VM entries and failed VMX instructions.\n\n{}",
                    help_of_commands()));
  if (parsed->answer != Answer::run) return shown(answer_text(parsed->answer));
  for (const Script& script : options.scripts) {
    if (script.file) parsed->run.scripts.push_back(script.text);
  }
  for (const std::string& flag : parsed->run_only)
    parsed->run.warnings.push_back(fmt::format("{}: does nothing under ringside debug; leave it out", flag));
  return Conversation(std::move(parsed->run), std::move(options)).run();
}

}  // namespace ringside
