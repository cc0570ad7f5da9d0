// Owns `ringside test`: from its words to its exit status.
#include "frontend/program/test_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "cpu/exec/engine/handler_table.h"
#include "frontend/conform/protocols/protocol.h"
#include "frontend/conform/reports/baseline.h"
#include "frontend/conform/running/bundles.h"
#include "frontend/conform/running/expectations.h"
#include "frontend/conform/suites/load_suites.h"
#include "frontend/conform/suites/suite_keys.h"
#include "frontend/coverage/code_forms.h"
#include "frontend/coverage/vmx_coverage.h"
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
        filters.empty() || std::any_of(filters.begin(), filters.end(), [&](const auto& filter) {
          return filter.matches(name) || filter.matches(test.name);
        });
    const bool tagged = options.tags.empty() || has_tag(test, options.tags);
    // What could not begin failed with its fixture.
    const bool failed = last.failed(test.suite, test.name) ||
                        (test.fixture && last.failed(test.fixture->suite, test.fixture->name));
    return !matches || !tagged || (options.rerun_failed && !failed);
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
  const Test* const test = test_of(tests, *failed);
  std::vector<std::string> text =
      conform::process_words(*test, conform::debug_words(*test, around, conform::place_of(*failed)));
  std::vector<char*> words;
  for (std::string& word : text) words.push_back(word.data());
  words.push_back(nullptr);
  execvp(words[0], words.data());
  say(fmt::format("--debug: {}: {}; type it: {}", text[0], std::strerror(errno), failed->bundle.debug));
}

// One call of the command, once its words are read.
class Call {
 public:
  Call(const TestOptions& options, int (*itself)(std::span<const std::string_view>)) : options_(options) {
    all_handlers();  // built on first use: once here, not again in each test's process
    settings_.itself = [itself](const std::vector<std::string>& all) {
      return itself(std::vector<std::string_view>(all.begin() + 1, all.end()));
    };
  }

  // The tests, and everything that can be refused before any of them runs. False: `error`.
  bool prepare(std::string& error);
  int list() const { return print(list_of(tests_)) ? exit_ok : exit_failed; }
  int run();

 private:
  bool compare_with_baseline(std::string& error);
  bool write(const conform::SuiteRun& run) const;

  const TestOptions& options_;
  std::vector<Test> tests_;
  conform::RunSettings settings_;
  conform::LastRuns last_;
  std::optional<conform::Baseline> baseline_;
  VmxCoverage met_;
  CodeCoverageSum ran_;
};

bool Call::compare_with_baseline(std::string& error) {
  if (options_.baseline.empty()) return true;
  conform::SuiteRun before;
  if (!read_results(options_.baseline, before, error)) {
    error = "--baseline " + error;
    return false;
  }
  baseline_.emplace(before);
  settings_.amend = [this](conform::TestResult& result) { baseline_->apply(result); };
  return true;
}

bool Call::prepare(std::string& error) {
  for (const std::string& suite : options_.suites) {
    if (!load_suite(suite, tests_, error)) return false;
  }
  settings_.around = {.program = own_path(),
                      .host_seconds = options_.timeout,
                      .more_words = options_.run_words,
                      .cache = conform::cache_folder()};
  settings_.jobs = static_cast<unsigned>(options_.jobs);
  settings_.repeat = static_cast<unsigned>(options_.repeat);
  settings_.fail_fast = options_.fail_fast;
  settings_.bundles = options_.bundles;
  settings_.reader = reader_of;
  std::set<std::string> suites;
  for (const Test& test : tests_) {
    if (suites.insert(test.suite).second) last_.load(settings_.around.cache, test.suite);
  }
  if (!compare_with_baseline(error)) return false;
  if (!options_.coverage.empty()) {
    if (!check_writable("--coverage", options_.coverage, error)) return false;
    settings_.on_coverage = [this](const VmxCoverage& one) { add(met_, one); };
  }
  if (!options_.code_coverage.empty()) {
    if (!check_writable("--code-coverage", options_.code_coverage, error)) return false;
    const bool lines = options_.code_coverage.ends_with(".info");
    settings_.code_coverage = (lines ? ".info" : "") + options_.code_coverage_world;
    settings_.on_code_coverage = [this](std::string_view bytes) {
      std::string why;
      if (!ran_.add(bytes, why)) say(fmt::format("warning: --code-coverage: of a test, {}", why));
    };
  }
  return choose(options_, last_, tests_, error) && (options_.list || make_folder(options_.bundles, error));
}

// Everything is tried. False: something could not be written, and was told of.
bool Call::write(const conform::SuiteRun& run) const {
  bool good = true;
  std::string error;
  const auto tell_failure = [&](bool written) {
    if (!written) say(error);
    good = good && written;
  };
  if (!last_.save(settings_.around.cache, error)) say(error);
  tell_failure(write_results(options_.files, run, error));
  if (!options_.coverage.empty())
    tell_failure(
        write_whole_file("--coverage", options_.coverage, vmx_coverage_for(options_.coverage, met_), error));
  if (!options_.code_coverage.empty())
    tell_failure(write_whole_file("--code-coverage", options_.code_coverage, ran_.text(), error));
  return good;
}

int Call::run() {
  conform::SuiteRun run;
  int signal = 0;
  {
    TestProgress progress(tests_.size(), options_.verbose);
    run = run_tests(tests_, settings_, last_, progress);
    run.program = version();
    std::string error;
    const auto stop = [&progress] { return progress.stop(); };
    const bool bundles = progress.caught() == 0 && !options_.bundles.empty();
    if (bundles && !make_bundles(tests_, settings_, stop, run, error)) say(error);
    signal = progress.caught();
  }
  const bool told = print("\n" + summary_for_terminal(run));
  const bool written = write(run);
  if (signal != 0) return 128 + signal;
  if (options_.debug && told) become_debugger(tests_, run, settings_.around);
  return told && written && conform::totals(run).failures() == 0 ? exit_ok : exit_failed;
}

}  // namespace

int run_test_command(std::span<const std::string_view> words,
                     int (*itself)(std::span<const std::string_view>)) {
  TestOptions options;
  std::string error;
  if (!parse_test_options(words, options, error)) return refuse(error);
  if (options.help) return print(test_help()) ? exit_ok : exit_failed;
  if (options.schema) return print(conform::suite_schema()) ? exit_ok : exit_failed;
  if (!take_bazel_shard(options, error) || !check_result_files(options.files, error)) return refuse(error);
  Call call(options, itself);
  if (!call.prepare(error)) return refuse(error);
  return options.list ? call.list() : call.run();
}

}  // namespace ringside
