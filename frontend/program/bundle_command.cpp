// Owns `ringside bundle`.
#include "frontend/program/bundle_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "frontend/conform/running/process.h"
#include "frontend/program/bundle.h"
#include "frontend/program/listings.h"
#include "frontend/program/output.h"
#include "frontend/program/run_driver.h"
#include "frontend/replay/recording.h"

namespace ringside {
namespace {

using Itself = int (*)(std::span<const std::string_view>);

constexpr std::size_t most_text = 1u << 20;  // bytes of a console or of what is looked at, their last ones

struct Wanted {
  std::string path;
  BundleWords words;
  std::vector<std::string_view> flags;  // of the run
  bool help = false;
};

bool take_words(std::span<const std::string_view> arguments, Wanted& wanted, std::string& error) {
  for (std::size_t n = 0; n < arguments.size(); ++n) {
    const std::string_view word = arguments[n];
    const bool note = word == "--note" || word == "-note";
    if (note && n + 1 == arguments.size()) {
      error = "bundle: --note wants a text";
      return false;
    }
    if (word == "--hashes" || word == "-hashes") {
      wanted.words.images = false;
    } else if (note) {
      wanted.words.note = arguments[++n];
    } else if (word == "--help" || word == "-help" || word == "-h") {
      wanted.help = true;
    } else if (wanted.path.empty() && n == 0 && !word.starts_with('-')) {
      wanted.path = word;
    } else {
      wanted.flags.push_back(word);
    }
  }
  if (wanted.help || !wanted.path.empty()) return true;
  error =
      "bundle: the file comes first; write ringside bundle OUT --replay RECORDING, or OUT and a run's flags";
  return false;
}

std::string end_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.size() > most_text) text.erase(0, text.size() - most_text);
  return text;
}

// The recording is replayed in a process of its own, whatever becomes of it, and looked at where it ends.
void look_at_end(const RunOptions& run, const ScratchFolder& folder, Itself itself, BundleWords& words) {
  constexpr std::string_view mark = "---- the end ----";
  std::vector<std::string> call = {"ringside", "debug",        "--replay", run.replay,
                                   "-nopager", "--last-exits", "20",       "--batch"};
  for (const std::string& place : run.image_folders) call.insert(call.end(), {"--images", place});
  for (std::size_t n = 0; n < run.serials.size(); ++n)
    call.insert(call.end(), {"-serial", n == 0 ? "file:" + (folder / "console") : std::string("null")});
  for (const SymbolFile& file : run.symbols)
    call.insert(call.end(), {"--symbols", fmt::format("{},{:#x}{}", file.path, file.offset,
                                                      file.world == World::non_root ? ",guest"
                                                      : file.world == World::root   ? ",root"
                                                                                    : "")});
  for (const std::string& command :
       {std::string("continue"), fmt::format("echo {}\\n", mark), std::string("where"),
        std::string("backtrace"), std::string("explain"), std::string("pending"),
        std::string("info registers"), std::string("last-exits 20")})
    call.insert(call.end(), {"-ex", command});
  conform::Processes processes;
  std::string why, errors;
  const auto keep = [](std::string& text) {
    return [&text](std::string_view piece) {
      text += piece;
      if (text.size() > 2 * most_text) text.erase(0, text.size() - most_text);
    };
  };
  conform::ProcessEnd end;
  const bool started =
      processes.start({.words = call,
                       .itself =
                           [itself](const std::vector<std::string>& all) {
                             const std::vector<std::string_view> views(all.begin() + 1, all.end());
                             return itself(views);
                           },
                       .on_output = keep(words.looked),
                       .on_errors = keep(errors),
                       .on_end = [&end](const conform::ProcessEnd& how) { end = how; }},
                      why);
  while (started && processes.running() > 0) processes.wait();
  if (const auto at = words.looked.rfind(mark); at != std::string::npos)
    words.looked.erase(0, words.looked.find_first_not_of("\r\n", at + mark.size()));
  words.looked += errors;
  if (end.signal != 0)
    words.looked +=
        fmt::format("Ringside itself was ended by signal {} while it replayed this\n", end.signal);
  words.console = end_of_file(folder / "console");
}

std::string ending_of(const Recording& recording) {
  if (!recording.end)
    return fmt::format("what was recorded breaks off after {} instructions", recording.last.retired);
  return fmt::format("{} (after {} instructions), exit status {}", recording.end->reason,
                     recording.last.retired, recording.end->status);
}

// The options of a replay of what was recorded, by the flags that go with one.
std::optional<RunOptions> replay_of(const std::string& recording, const RunOptions& run, std::string& error) {
  std::vector<std::string_view> words = {"--replay", recording};
  for (const std::string& folder : run.image_folders) words.insert(words.end(), {"--images", folder});
  auto parsed = parse_options(words, error);
  if (!parsed) return std::nullopt;
  parsed->run.symbols = run.symbols;
  return std::move(parsed->run);
}

int bundle_help() {
  return print(
             "ringside bundle OUT --replay RECORDING [--images FOLDER]: packs a recorded run, with its "
             "images, the "
             "files of\n--symbols, what the guest printed and what the debugger says of the end, so that "
             "ringside "
             "replay OUT makes\nthe run again elsewhere. ringside bundle OUT FLAG... runs the machine of the "
             "flags "
             "first, and records it.\n--hashes leaves the images out, --note TEXT says what is to be seen.\n")
             ? exit_ok
             : exit_failed;
}

}  // namespace

int run_bundle(std::span<const std::string_view> arguments, Itself itself) {
  Wanted wanted;
  std::string error;
  if (!take_words(arguments, wanted, error)) return refuse(error);
  if (wanted.help) return bundle_help();
  auto parsed = parse_options(wanted.flags, error);
  if (!parsed) return refuse(error);
  if (parsed->answer != Answer::run) return print(answer_text(parsed->answer)) ? exit_ok : exit_failed;
  if (!parsed->run.record.empty()) return refuse("--record: a bundle is recorded by itself; leave it out");
  if (!check_writable("bundle", wanted.path, error)) return refuse(error);
  const ScratchFolder folder("bundle");
  if (!folder.there())
    return refuse("bundle: there is no place for its parts; set TMPDIR to a folder", exit_failed);

  std::optional<RunOptions> run;
  if (parsed->run.replay.empty()) {
    const std::string recording = folder / "recording";
    RunOptions first = parsed->run;
    first.record = recording;
    run_to_end(std::move(first));
    std::error_code none;
    if (!std::filesystem::exists(recording, none)) return exit_failed;  // the run has said why
    run = replay_of(recording, parsed->run, error);
    if (!run) return refuse(error, exit_failed);
  } else {
    run = std::move(parsed->run);
  }
  BundleWords& words = wanted.words;
  words.ending = ending_of(*run->recording);
  look_at_end(*run, folder, itself, words);
  std::vector<std::string> summary;
  if (!pack_bundle(wanted.path, *run, words, summary, error)) return refuse(error, exit_failed);
  for (const std::string& line : summary) say("bundle: " + line);
  std::error_code none;
  say(fmt::format("bundle {}: {} bytes; ringside replay {} makes the run again", wanted.path,
                  std::filesystem::file_size(wanted.path, none), wanted.path));
  return exit_ok;
}

}  // namespace ringside
