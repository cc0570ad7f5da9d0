// Owns `ringside differ`: from the flags to two machines and the words about them.
#include "frontend/program/differ_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/differ/lockstep.h"
#include "frontend/program/listings.h"
#include "frontend/program/output.h"
#include "frontend/program/session.h"
#include "frontend/render/sheet_text.h"

namespace ringside {
namespace {

// Takes --with NAME and --with=NAME out of the words. False: `error`.
bool take_peer(std::vector<std::string_view>& words, std::string& error) {
  std::string_view peer = "reference";
  std::vector<std::string_view> rest;
  for (std::size_t n = 0; n < words.size(); ++n) {
    const std::string_view word = words[n];
    if (word.starts_with("--with=")) {
      peer = word.substr(7);
    } else if (word == "--with" || word == "-with") {
      peer = n + 1 < words.size() ? words[n + 1] : std::string_view();
      ++n;
    } else {
      rest.push_back(word);
    }
  }
  words = std::move(rest);
  if (peer == "reference") return true;
  error = fmt::format("--with {}: nothing of this name is compared with; write --with reference", peer);
  return false;
}

// Two machines that run at the same time have no outputs, and what they write to disks is forgotten.
RunOptions alone(RunOptions options, Dispatcher dispatcher) {
  for (Chardev& serial : options.serials) serial = {};
  options.debugcon = {};
  options.stats.clear();
  options.pidfile.clear();
  options.trace_exits.clear();
  options.vmx_coverage.clear();
  options.explain_json.clear();
  options.explain = options.explain_as_json = false;
  options.log = {};
  options.log_file.clear();
  options.screenshot.clear();
  options.screenshots_at.clear();
  options.gdb.reset();
  for (DriveRequest& drive : options.machine.drives) drive.snapshot = true;
  options.machine.dispatcher = dispatcher;
  return options;
}

// An answer to --help is the subcommand's own.
int help() {
  return print(
             "ringside differ [--with reference] [FLAG...], with the flags of a run: the same machine on the "
             "emitted and on the "
             "reference dispatcher, compared by its whole state. Where they part, the instruction and what "
             "differs are told, and "
             "the exit status is 1. --max-instructions and --timeout limit it.\n")
             ? exit_ok
             : exit_failed;
}

}  // namespace

int run_differ(std::span<const std::string_view> arguments) {
  std::vector<std::string_view> words(arguments.begin(), arguments.end());
  std::string error;
  if (!take_peer(words, error)) return refuse(error);
  auto parsed = parse_options(words, error);
  if (!parsed) return refuse(error);
  if (parsed->answer == Answer::help) return help();
  if (parsed->answer != Answer::run) return print(answer_text(parsed->answer)) ? exit_ok : exit_failed;
  for (const std::string& warning : std::exchange(parsed->run.warnings, {})) say("warning: " + warning);

  Session first(alone(parsed->run, Dispatcher::emitted)), second(alone(parsed->run, Dispatcher::reference));
  if (!first.prepare(error)) return first.refuse(error);
  if (!second.prepare(error)) return second.refuse(error);
  if (first.machine().dispatcher() != Dispatcher::emitted) {
    say("this host has the reference dispatcher only: there is nothing to compare it with");
    return exit_failed;
  }
  const Side one{"emitted", first.machine(), {}}, other{"reference", second.machine(), {}};
  const u64 most = parsed->run.max_instructions ? parsed->run.max_instructions : ~u64{0};
  const Comparison result =
      run_in_lockstep(one, other, most, &first.symbols(), [&first] { return !first.limit_reached(); });
  if (!print(text(comparison_sheet(result, one, other)))) return exit_failed;
  if (!result.parting) return result.ending.empty() ? exit_limit : exit_ok;
  return exit_failed;
}

}  // namespace ringside
