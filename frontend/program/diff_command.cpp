// Owns `ringside diff`: from two files to two machines and the words about them.
#include "frontend/program/diff_command.h"

#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <optional>
#include <vector>

#include "frontend/differ/replays.h"
#include "frontend/differ/state_diff.h"
#include "frontend/program/output.h"
#include "frontend/program/bundle.h"
#include "frontend/program/option_values.h"
#include "frontend/program/session.h"
#include "frontend/program/unseen_run.h"
#include "frontend/render/json.h"
#include "frontend/replay/recording_form.h"
#include "frontend/render/sheet_text.h"

namespace ringside {
namespace {

constexpr int same = 0, differs = 1, trouble = 2;

// A file that --save wrote, or a recording or a bundle, and a count of its instructions: "FILE,at=COUNT".
struct Named {
  std::string file;
  std::optional<u64> at;
};

Named named(std::string_view word) {
  const std::size_t comma = word.rfind(",at=");
  if (comma == word.npos) return {std::string(word), {}};
  const auto count = parse_number(word.substr(comma + 4));
  return count ? Named{std::string(word.substr(0, comma)), *count} : Named{std::string(word), {}};
}

// Whether --replay takes it. Of anything else it is said what is wrong with it as a saved state.
bool is_recorded(const std::string& path) {
  const std::string_view magic =
      recording::magic.substr(0, recording::magic.size() - 2);  // without the form's number
  std::string first(magic.size(), '\0');
  std::ifstream(path, std::ios::binary).read(first.data(), static_cast<std::streamsize>(first.size()));
  return first == magic || OpenBundle::is_one(path);
}

// To where the recorded run was after so many instructions; without a count, to its end.
bool replay(Session& session, const Named& what, std::string& error) {
  const std::shared_ptr<const Recording>& recording = session.options().recording;
  const u64 count = what.at.value_or(recording->last.retired);
  if (count > recording->last.retired) {
    error = fmt::format("{},at={}: what was recorded ends after {} instructions; name an earlier count",
                        what.file, count, recording->last.retired);
    return false;
  }
  const auto replayer = Replayer::create(recording, session.machine(), error);
  if (!replayer) return false;
  const Side side{"", session.machine(), {}};
  // As --save,at=COUNT has it: before what came from outside at that count.
  const u64 all = what.at && count > 0 ? count - 1 : count;
  if (replay_to(all, *replayer, side)) {
    session.machine().run(count - all);
    if (session.machine().retired() == count) return true;
  }
  error = fmt::format(
      "{}: its run does not come to {} instructions as it was recorded; ringside replay {} says why",
      what.file, count, what.file);
  return false;
}

// The machine that is named, which nobody runs. nullptr: `error`.
std::unique_ptr<Session> session_of(const Named& what, const std::vector<std::string_view>& flags,
                                    std::string& error) {
  const bool recorded = is_recorded(what.file);
  if (!recorded && what.at) {
    error = fmt::format("{},at={}: is no recording, of which there are many counts; leave ,at= out",
                        what.file, *what.at);
    return nullptr;
  }
  std::vector<std::string_view> words = {recorded ? "--replay" : "--load", what.file};
  words.insert(words.end(), flags.begin(), flags.end());
  auto parsed = parse_options(words, error);
  if (!parsed) return nullptr;
  auto session = std::make_unique<Session>(unseen(std::move(parsed->run), Dispatcher::emitted));
  if (!session->prepare(error) || (recorded && !replay(*session, what, error))) return nullptr;
  return session;
}

}  // namespace

int run_diff(std::span<const std::string_view> arguments) {
  std::vector<std::string_view> files, flags;
  bool as_json = false;
  for (std::size_t n = 0; n < arguments.size(); ++n) {
    const std::string_view word = arguments[n];
    if (word == "--json" || word == "-json") {
      as_json = true;
    } else if (word == "--help" || word == "-h" || word == "-help") {
      return print(
                 "ringside diff A B [--json] [--symbols FILE]: what differs between two machines, B after A: "
                 "registers, VMCS fields, translations, pages of memory by symbols, devices. Each is a file "
                 "that "
                 "--save or the debugger's save wrote, or a recording or a bundle: FILE,at=COUNT is its run "
                 "after "
                 "so many instructions, FILE alone its end. Exit status 0: nothing, 1: something, 2: it "
                 "cannot be said.\n")
                 ? same
                 : trouble;
    } else if ((word == "--symbols" || word == "-symbols") && n + 1 < arguments.size()) {
      flags.insert(flags.end(), {word, arguments[++n]});
    } else {
      files.push_back(word);
    }
  }
  if (files.size() != 2)
    return refuse(
        "diff: two files are compared; write ringside diff BEFORE AFTER, saved states or RECORDING,at=COUNT",
        trouble);
  std::string error;
  std::array<std::unique_ptr<Session>, 2> sessions;
  for (std::size_t n = 0; n < files.size(); ++n) {
    sessions[n] = session_of(named(files[n]), flags, error);
    if (!sessions[n]) return refuse(error, trouble);
  }
  Machine &one = sessions[0]->machine(), &other = sessions[1]->machine();
  if (std::string why = why_other_machine(machine_flags(one.config()), machine_flags(other.config()));
      !why.empty())
    return refuse(fmt::format("diff: {} and {} are of two kinds of machine: {}", files[0], files[1], why),
                  trouble);
  StateDiffOptions options{std::string(files[0]), std::string(files[1])};
  if (as_json) options.most_rows = 100'000;
  const Sheet sheet = state_diff_sheet(one, other, sessions[0]->symbols(), options);
  const bool alike = sheet.sections.empty();
  const std::string words = as_json ? json(sheet) + "\n"
                            : alike ? fmt::format("{} and {} are the same\n", files[0], files[1])
                                    : text(sheet);
  if (!print(words)) return trouble;
  return alike ? same : differs;
}

}  // namespace ringside
