// Owns `ringside test`: from its words to its exit status.
#include "frontend/program/test_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "frontend/conform/protocols/protocol.h"
#include "frontend/conform/running/bundles.h"
#include "frontend/conform/running/expectations.h"
#include "frontend/conform/suites/load_suites.h"
#include "frontend/conform/suites/suite_keys.h"
#include "frontend/program/listings.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"
#include "frontend/program/test_options.h"
#include "frontend/program/test_progress.h"

namespace ringside {
namespace {

using conform::Test;

std::string own_path() {
  std::error_code failure;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", failure);
  return failure ? "ringside" : path.string();
}

std::string version() {
  std::string text = version_text();
  return text.substr(0, text.find('\n'));
}

bool has_tag(const Test& test, const std::vector<std::string>& tags) {
  return std::any_of(tags.begin(), tags.end(), [&](const std::string& tag) {
    return std::find(test.tags.begin(), test.tags.end(), tag) != test.tags.end();
  });
}

// The suites' tests, without those that the flags leave out. False: `error`.
bool choose(const TestOptions& options, const conform::LastRuns& last, std::vector<Test>& tests,
            std::string& error) {
  std::vector<conform::LineRegex> filters(options.filters.size());
  for (std::size_t n = 0; n < filters.size(); ++n) {
    if (!filters[n].compile(options.filters[n], error)) return false;
  }
  const auto left_out = [&](const Test& test) {
    const std::string name = full_name(test);
    const bool matches =
        filters.empty() ||
        std::any_of(filters.begin(), filters.end(), [&](const auto& filter) { return filter.matches(name); });
    const bool tagged = options.tags.empty() || has_tag(test, options.tags);
    return !matches || !tagged || (options.rerun_failed && !last.failed(test.suite, test.name));
  };
  std::erase_if(tests, left_out);
  u64 number = 0;
  const bool some = !tests.empty();
  std::erase_if(tests, [&](const Test&) { return number++ % options.shards != options.shard; });
  for (Test& test : tests) {
    if (test.manual && (options.all || has_tag(test, options.tags))) test.skip.clear();
  }
  if (some || options.rerun_failed) return true;
  error = "no test is left by --filter and --tag; ringside test SUITE --list shows all";
  return false;
}

// Who reads what a test prints of its checks.
std::unique_ptr<conform::ProtocolReader> reader_of(const Test& test, std::string* found, std::string& error) {
  if (test.protocol == "none") return nullptr;
  if (test.protocol.empty()) return conform::reader_by_look(found);
  *found = test.protocol;
  if (test.protocol == "lines") return conform::grammar_reader(test.grammar, error);
  const conform::Protocol* const protocol = conform::protocol_named(test.protocol);
  if (!protocol) error = fmt::format("{}: there is no protocol of this name", test.protocol);
  return protocol ? protocol->reader() : nullptr;
}

// For people and for programs: tabs between the name, the tags and why it would not run.
std::string list_of(const std::vector<Test>& tests) {
  std::string text;
  for (const Test& test : tests) {
    text += full_name(test);
    const std::string why = !test.broken.empty() ? test.broken
                            : test.skip.empty()  ? std::string()
                                                 : "skipped: " + test.skip;
    if (!test.tags.empty() || !why.empty()) text += fmt::format("\t{}", fmt::join(test.tags, " "));
    if (!why.empty()) text += "\t" + why;
    text += '\n';
  }
  return text;
}

// A folder for bundles is made before anything runs. False: `error`.
bool make_folder(const std::string& folder, std::string& error) {
  std::error_code failure;
  if (!folder.empty()) std::filesystem::create_directories(folder, failure);
  if (failure) error = fmt::format("--bundle {}: {}; name another folder", folder, failure.message());
  return !failure;
}

// Becomes the debugger that stands where the first test failed. Returns if none did, or if it cannot.
void become_debugger(const std::vector<Test>& tests, const conform::SuiteRun& run,
                     const conform::Surroundings& around) {
  const auto failed = std::find_if(run.tests.begin(), run.tests.end(), [](const conform::TestResult& result) {
    return !result.bundle.debug.empty();
  });
  if (failed == run.tests.end()) return;
  const auto test = std::find_if(tests.begin(), tests.end(), [&](const Test& one) {
    return one.suite == failed->suite && one.name == failed->name;
  });
  std::vector<std::string> text =
      conform::process_words(*test, conform::debug_words(*test, around, conform::place_of(*failed)));
  std::vector<char*> words;
  for (std::string& word : text) words.push_back(word.data());
  words.push_back(nullptr);
  execvp(words[0], words.data());
  say(fmt::format("--debug: {}: {}; type it: {}", text[0], std::strerror(errno), failed->bundle.debug));
}

}  // namespace

int run_test_command(std::span<const std::string_view> words) {
  TestOptions options;
  std::string error;
  if (!parse_test_options(words, options, error)) return refuse(error);
  if (options.help) return print(test_help()) ? exit_ok : exit_failed;
  if (options.schema) return print(conform::suite_schema()) ? exit_ok : exit_failed;
  if (!take_bazel_shard(options, error) || !check_result_files(options.files, error)) return refuse(error);
  std::vector<Test> tests;
  for (const std::string& suite : options.suites) {
    if (!load_suite(suite, tests, error)) return refuse(error);
  }
  conform::RunSettings settings;
  settings.around = {.program = own_path(),
                     .host_seconds = options.timeout,
                     .more_words = options.run_words,
                     .cache = conform::cache_folder()};
  settings.jobs = static_cast<unsigned>(options.jobs);
  settings.repeat = static_cast<unsigned>(options.repeat);
  settings.fail_fast = options.fail_fast;
  settings.bundles = options.bundles;
  settings.reader = reader_of;
  conform::LastRuns last;
  std::set<std::string> suites;
  for (const Test& test : tests) {
    if (suites.insert(test.suite).second) last.load(settings.around.cache, test.suite);
  }
  if (!choose(options, last, tests, error)) return refuse(error);
  if (options.list) return print(list_of(tests)) ? exit_ok : exit_failed;
  if (!make_folder(options.bundles, error)) return refuse(error);
  conform::SuiteRun run;
  int signal = 0;
  {
    TestProgress progress(tests.size(), options.verbose);
    run = run_tests(tests, settings, last, progress);
    run.program = version();
    const auto stop = [&progress] { return progress.stop(); };
    if (progress.caught() == 0 && !options.bundles.empty() &&
        !make_bundles(tests, settings, stop, run, error))
      say(error);
    signal = progress.caught();
  }
  const bool told = print("\n" + summary_for_terminal(run));
  if (!last.save(settings.around.cache, error)) say(error);
  const bool written = write_results(options.files, run, error);
  if (!written) say(error);
  if (signal != 0) return 128 + signal;
  if (options.debug && told) become_debugger(tests, run, settings.around);
  return told && written && conform::totals(run).failures() == 0 ? exit_ok : exit_failed;
}

}  // namespace ringside
