// Owns `ringside diff`: from two files to two machines and the words about them.
#include "frontend/program/diff_command.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "frontend/differ/state_diff.h"
#include "frontend/program/output.h"
#include "frontend/program/session.h"
#include "frontend/render/json.h"
#include "frontend/render/sheet_text.h"

namespace ringside {
namespace {

constexpr int same = 0, differs = 1, trouble = 2;

// The machine of a file, which nobody runs. nullptr: `error`.
std::unique_ptr<Session> session_of(const std::vector<std::string_view>& words, std::string& error) {
  auto parsed = parse_options(words, error);
  if (!parsed) return nullptr;
  RunOptions& run = parsed->run;
  for (Chardev& serial : run.serials) serial = {};
  for (DriveRequest& drive : run.machine.drives) drive.snapshot = true;
  run.machine.dispatcher = Dispatcher::reference;
  auto session = std::make_unique<Session>(std::move(run));
  if (!session->prepare(error)) return nullptr;
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
                 "ringside diff A B [--json] [--symbols FILE]: what differs between two machines that --save "
                 "or the "
                 "debugger's save wrote, B after A: registers, VMCS fields, translations, pages of memory by "
                 "symbols, devices. Exit status 0: nothing, 1: something, 2: it cannot be said.\n")
                 ? same
                 : trouble;
    } else if ((word == "--symbols" || word == "-symbols") && n + 1 < arguments.size()) {
      flags.insert(flags.end(), {word, arguments[++n]});
    } else {
      files.push_back(word);
    }
  }
  if (files.size() != 2)
    return refuse("diff: two files are compared; write ringside diff BEFORE AFTER", trouble);
  std::string error;
  std::array<std::unique_ptr<Session>, 2> sessions;
  for (std::size_t n = 0; n < files.size(); ++n) {
    std::vector<std::string_view> words = {"--load", files[n]};
    words.insert(words.end(), flags.begin(), flags.end());
    sessions[n] = session_of(words, error);
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
