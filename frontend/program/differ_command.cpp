// Owns `ringside differ`: from the flags to two machines and the words about them.
#include "frontend/program/differ_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "frontend/differ/alongside.h"
#include "frontend/differ/known_peers.h"
#include "frontend/program/unseen_run.h"
#include "frontend/program/listings.h"
#include "frontend/program/output.h"
#include "frontend/program/session.h"
#include "frontend/render/sheet_text.h"

namespace ringside {
namespace {

// Takes a flag of this command's own, "--with NAME" or "--with=NAME", out of the words; `value` is as it was
// if the flag is not there.
void take_flag(std::vector<std::string_view>& words, std::string_view flag, std::string_view& value) {
  std::vector<std::string_view> rest;
  for (std::size_t n = 0; n < words.size(); ++n) {
    const std::string_view word = words[n];
    if (word.starts_with(flag) && word.substr(flag.size()).starts_with('=')) {
      value = word.substr(flag.size() + 1);
    } else if (word == flag || word == flag.substr(1)) {
      value = n + 1 < words.size() ? words[n + 1] : std::string_view();
      ++n;
    } else {
      rest.push_back(word);
    }
  }
  words = std::move(rest);
}

// An answer to --help is the subcommand's own.
int differ_help() {
  return print(
             "ringside differ [--with PEER] [FLAG...], with the flags of a run: the same guest twice. PEER "
             "is "
             "reference (which needs no flag: the same machine on the emitted and on the reference "
             "dispatcher, compared by its whole state), qemu or bochs (registers and RAM; --peer-cpu MODEL "
             "is "
             "a CPU model of theirs). Where they part, the instruction and what differs are told, and the "
             "exit "
             "status is 1. --max-instructions and --timeout limit it; with --from ADDRESS, or a symbol's "
             "name, "
             "the comparison with qemu or bochs begins where the guest comes there for the first time.\n")
             ? exit_ok
             : exit_failed;
}

std::string_view title(std::string_view peer) { return peer == "qemu" ? "QEMU" : "Bochs"; }

int conclude(const Comparison& result, std::string_view one, std::string_view other) {
  if (!result.failure.empty()) {
    say(result.failure);
    return exit_failed;
  }
  if (!print(text(comparison_sheet(result, one, other)))) return exit_failed;
  if (!result.parting) return result.ending.empty() ? exit_limit : exit_ok;
  return exit_failed;
}

// "0x7c00", or a symbol of the guest's.
std::optional<u64> address_of(std::string_view text, const Symbols& symbols) {
  u64 value = 0;
  const bool hexadecimal = text.starts_with("0x");
  const std::string_view digits = text.substr(hexadecimal ? 2 : 0);
  const auto [end, failure] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
  if (failure == std::errc() && end == digits.data() + digits.size()) return value;
  return symbols.address(text);
}

int differ_from_peer(const RunOptions& options, std::string_view name, std::string_view cpu,
                     std::optional<std::string_view> from) {
  std::string error;
  const auto peer = known_peer(name, options.machine, cpu, error);
  if (!peer) return refuse(error);
  RunOptions alike = unseen(options, options.machine.dispatcher);
  // There is no firmware there that would have locked it.
  alike.machine.lock_feature_control = false;
  Session own(std::move(alike));
  if (!own.prepare(error)) return own.refuse(error);
  const u64 most = options.max_instructions ? options.max_instructions : ~u64{0};
  std::optional<u64> begin;
  if (from && !(begin = address_of(*from, own.symbols())))
    return refuse(
        fmt::format("--from {}: no symbol of the guest has this name; write an address as 0x7c00, or load "
                    "symbols",
                    *from));
  return conclude(run_alongside(
                      own.machine(), *peer, most, &own.symbols(), options.machine.boot.direct(),
                      [&own] { return !own.limit_reached(); }, begin),
                  "Ringside", title(name));
}

}  // namespace

int run_differ(std::span<const std::string_view> arguments) {
  std::vector<std::string_view> words(arguments.begin(), arguments.end());
  std::string error;
  std::string_view peer = "reference", peer_cpu;
  take_flag(words, "--with", peer);
  take_flag(words, "--peer-cpu", peer_cpu);
  std::string_view from;
  take_flag(words, "--from", from);
  auto parsed = parse_options(words, error);
  if (!parsed) return refuse(error);
  if (parsed->answer == Answer::help) return differ_help();
  if (parsed->answer != Answer::run) return print(answer_text(parsed->answer)) ? exit_ok : exit_failed;
  for (const std::string& warning : std::exchange(parsed->run.warnings, {})) say("warning: " + warning);

  if (peer != "reference")
    return differ_from_peer(parsed->run, peer, peer_cpu, from.empty() ? std::nullopt : std::optional(from));
  if (!from.empty())
    return refuse("--from: two dispatchers are compared from the start; leave it out, or add --with qemu");
  Session first(unseen(parsed->run, Dispatcher::emitted)), second(unseen(parsed->run, Dispatcher::reference));
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
  return conclude(result, one.name, other.name);
}

}  // namespace ringside
