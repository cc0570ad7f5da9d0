// Owns the way back to a failure: what is seen where a test failed, and the files that are kept of it.
#include "frontend/conform/running/bundles.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>

#include "frontend/conform/reports/reports.h"
#include "frontend/conform/running/process.h"

namespace ringside::conform {
namespace {

namespace fs = std::filesystem;

// The guest's output is before this line of the debugger's.
constexpr std::string_view mark = "---- where it failed ----";
constexpr std::size_t most_kept = 256 << 10;
// The debugger looks at each VM exit, and a host may be busier than it was.
constexpr double slower = 3;

// The debugger's words, and what it says of the place.
std::vector<std::string> looking_words(const Test& test, const Surroundings& around,
                                       const PlaceInRun& place) {
  std::vector<std::string> words = debug_words(test, around, place);
  words.insert(words.begin() + 2, {"-nopager", "--last-exits", "8"});
  for (const std::string& command :
       {fmt::format("echo {}\\n", mark), std::string("where"), std::string("backtrace"),
        std::string("explain"), std::string("pending")})
    words.insert(words.end(), {"-ex", command});
  words.insert(words.end(), {"-ex", "quit"});
  return process_words(test, std::move(words));
}

std::string explanation_of(const std::string& said) {
  const auto at = said.rfind(mark);
  if (at == std::string::npos) return {};
  std::string text = said.substr(at + mark.size());
  text.erase(0, text.find_first_not_of("\r\n"));
  text.erase(text.find_last_not_of("\r\n") + 1);
  return text;
}

std::string folder_name(const TestResult& result) {
  constexpr std::size_t longest = 80;
  std::string name = result.name.substr(0, longest);
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) c = '_';
  }
  // Two suites may have a test of one name, and two names become one here.
  return fmt::format("{}-{}", name, name_of(result.suite + ": " + result.name));
}

bool write_folder(const std::string& folder, const SuiteRun& run, TestResult& result, std::string& error) {
  const fs::path place = fs::path(folder) / folder_name(result);
  result.bundle.folder = place.string();
  SuiteRun alone;
  alone.program = run.program;
  alone.tests.push_back(result);
  const std::map<std::string, std::string> files = {
      {"output.txt", result.output},
      {"explained.txt", result.bundle.explained + "\n"},
      {"commands.txt", fmt::format("again: {}\ndebug: {}\n", result.bundle.reproduce, result.bundle.debug)},
      {"result.json", json_lines(alone)}};
  for (const auto& [name, text] : files) {
    std::string why;
    if (keep_file((place / name).string(), text, why)) continue;
    error = fmt::format("--bundle {}: {}: {}; name another folder", folder, (place / name).string(), why);
    return false;
  }
  return true;
}

}  // namespace

bool make_bundles(std::span<const Test> tests, const RunSettings& settings, const std::function<bool()>& stop,
                  SuiteRun& run, std::string& error) {
  std::deque<TestResult*> waiting;
  for (TestResult& result : run.tests) {
    if (!result.bundle.debug.empty()) waiting.push_back(&result);
  }
  Processes processes;
  while (!waiting.empty() || processes.running() > 0) {
    while (!waiting.empty() && processes.running() < settings.jobs) {
      TestResult* const result = waiting.front();
      waiting.pop_front();
      const Test& test = *test_of(tests, *result);
      const auto said = std::make_shared<std::string>();
      std::string why;
      processes.start(
          {.words = looking_words(test, settings.around, place_of(*result)),
           .itself = test.shell_words.empty() ? settings.itself : nullptr,
           .processor_seconds = slower * host_limit(test, settings.around),
           .grace_seconds = settings.grace_seconds,
           .on_output =
               [said](std::string_view text) {
                 *said += text;
                 if (said->size() > 2 * most_kept) said->erase(0, said->size() - most_kept);
               },
           .on_end = [said, result](const ProcessEnd&) { result->bundle.explained = explanation_of(*said); }},
          why);
    }
    processes.wait();
    if (stop()) return true;
  }
  bool good = true;
  for (TestResult& result : run.tests) {
    if (!result.bundle.debug.empty() && !settings.bundles.empty())
      good = write_folder(settings.bundles, run, result, error) && good;
  }
  return good;
}

}  // namespace ringside::conform
