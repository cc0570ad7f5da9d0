// Owns a run of tests: several at once, the longest first, each in a process of its own.
#include "frontend/conform/running/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>

#include "frontend/conform/running/judgement.h"
#include "frontend/conform/running/output_lines.h"
#include "frontend/conform/running/parting.h"
#include "frontend/conform/suites/coverage_names.h"

namespace ringside::conform {
namespace {

namespace fs = std::filesystem;
using HostClock = std::chrono::steady_clock;

constexpr double build_seconds = 1800;
constexpr std::size_t most_errors = 16 << 10;

// One test while it runs.
struct Going {
  explicit Going(const Test& of) : test(of) {}
  const Test& test;
  std::size_t index = 0;
  std::unique_ptr<OutputLines> lines;
  std::unique_ptr<ProtocolReader> reader;
  Seen seen;
  std::string statistics;  // file
  std::optional<TestResult> first;
  unsigned runs = 0;
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A folder for as long as the run takes.
class Scratch {
 public:
  Scratch() {
    std::error_code none;
    std::string name = (fs::temp_directory_path(none) / "ringside-test-XXXXXX").string();
    if (mkdtemp(name.data())) path_ = name;
  }
  ~Scratch() {
    std::error_code none;
    if (!path_.empty()) fs::remove_all(path_, none);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  bool there() const { return !path_.empty(); }

 private:
  std::string path_;
};

class SuiteRunner {
 public:
  SuiteRunner(std::span<const Test> tests, const RunSettings& settings, LastRuns& last, RunWatcher& watcher)
      : tests_(tests), settings_(settings), last_(last), watcher_(watcher), results_(tests.size()) {}

  SuiteRun run();

 private:
  void order();
  void build();
  void begin(std::size_t index);
  bool prepare(Going& going, std::string& error);
  void spawn(const std::shared_ptr<Going>& going);
  void ended(const std::shared_ptr<Going>& going, const ProcessEnd& end);
  void finish(const Going& going, TestResult result);
  TestResult blank(const Test& test) const;
  void tell_parting(std::size_t index, u64 instructions);
  void tell_coverage();
  std::string coverage_file(std::size_t index) const {
    return scratch_ / fmt::format("{}-coverage.json", index);
  }

  std::span<const Test> tests_;
  const RunSettings& settings_;
  LastRuns& last_;
  RunWatcher& watcher_;
  std::vector<std::optional<TestResult>> results_;
  std::deque<std::size_t> waiting_;
  std::map<std::pair<std::string, std::string>, std::string> builds_;  // why one failed; empty: it is done
  std::vector<std::pair<std::size_t, u64>> parted_;  // tests, and the instructions of their longer run
  std::size_t done_ = 0;
  bool over_ = false;
  Scratch scratch_;
  Processes processes_;
};

// What nobody has run yet may be long, so it comes first.
void SuiteRunner::order() {
  std::vector<std::size_t> all(tests_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<double> seconds;
  for (const Test& test : tests_) seconds.push_back(last_.seconds(test.suite, test.name));
  std::sort(all.begin(), all.end(), [&](std::size_t a, std::size_t b) {
    if ((seconds[a] < 0) != (seconds[b] < 0)) return seconds[a] < 0;
    return std::pair(-seconds[a], a) < std::pair(-seconds[b], b);
  });
  waiting_.assign(all.begin(), all.end());
}

// Each command once, however many tests want what it makes.
void SuiteRunner::build() {
  std::deque<std::pair<std::string, std::string>> wanted;
  for (const Test& test : tests_) {
    if (test.build.empty() || !test.broken.empty() || !test.skip.empty()) continue;
    if (builds_.emplace(std::pair(test.build_folder, test.build), "it was not run").second)
      wanted.emplace_back(test.build_folder, test.build);
  }
  while (!over_ && (!wanted.empty() || processes_.running() > 0)) {
    if (!wanted.empty() && processes_.running() < settings_.jobs) {
      const auto key = wanted.front();
      wanted.pop_front();
      const auto said = std::make_shared<std::string>();
      const auto listen = [said](std::string_view text) {
        *said += text;
        if (said->size() > 2 * most_errors) said->erase(0, said->size() - most_errors);
      };
      std::string error;
      const bool began = processes_.start(
          {.words = {"sh", "-c", key.second},
           .folder = key.first,
           .host_seconds = build_seconds,
           .on_output = listen,
           .on_errors = listen,
           .on_end =
               [this, key, said](const ProcessEnd& end) {
                 said->erase(said->find_last_not_of('\n') + 1);
                 const auto line = said->rfind('\n');
                 builds_[key] = end.status == 0 && end.signal == 0
                                    ? ""
                                    : fmt::format("exit status {}: {}", end.status, said->substr(line + 1));
               }},
          error);
      if (!began) builds_[key] = error;
      continue;
    }
    processes_.wait();
    over_ |= watcher_.stop();
  }
}

TestResult SuiteRunner::blank(const Test& test) const {
  TestResult result;
  result.suite = test.suite;
  result.name = test.name;
  result.tags = test.tags;
  result.words = command_of(test, settings_.around);
  return result;
}

void SuiteRunner::finish(const Going& going, TestResult result) {
  if (settings_.amend) settings_.amend(result);
  const bool failed = counts_as_failure(result.verdict);
  // What could not be run has no command that does it again.
  if (failed && going.runs > 0) {
    result.bundle.reproduce = command_text(going.test, settings_.around);
    result.bundle.debug = debug_text(going.test, settings_.around, place_of(result));
  }
  over_ |= failed && settings_.fail_fast;
  if (going.runs > 0) last_.note(result);
  results_[going.index] = std::move(result);
  watcher_.finished(*results_[going.index], ++done_);
}

// False: it cannot be run, one line in `error`.
bool SuiteRunner::prepare(Going& going, std::string& error) {
  const Test& test = going.test;
  std::error_code none;
  if (!test.broken.empty()) {
    error = test.broken;
  } else if (const auto built = builds_.find({test.build_folder, test.build});
             built != builds_.end() && !built->second.empty()) {
    error = fmt::format("the build \"{}\" failed: {}", test.build, built->second);
  } else if (!test.image.empty() && !fs::exists(test.image, none)) {
    error =
        fmt::format("{}: the image is not there; build it, or name another at {}", test.image, test.place);
  } else if (!scratch_.there()) {
    error = "no temporary folder can be made; name one in TMPDIR";
  }
  return error.empty();
}

void SuiteRunner::begin(std::size_t index) {
  const auto going = std::make_shared<Going>(tests_[index]);
  going->index = index;
  TestResult result = blank(going->test);
  if (!going->test.skip.empty() && going->test.broken.empty()) {
    result.verdict = Verdict::skipped;
    result.reason = going->test.skip;
    finish(*going, std::move(result));
    return;
  }
  std::string error;
  if (prepare(*going, error)) {
    watcher_.started(going->test);
    spawn(going);
    return;
  }
  result.reason = error;
  finish(*going, std::move(result));
}

void SuiteRunner::spawn(const std::shared_ptr<Going>& going) {
  const Test& test = going->test;
  ++going->runs;
  going->seen = {};
  going->statistics = scratch_ / fmt::format("{}.json", going->index);
  std::string error;
  for (const std::string& pattern : test.expect) going->seen.expectations.add_wanted(pattern, error);
  for (const std::string& pattern : test.absent) going->seen.expectations.add_absent(pattern, error);
  if (settings_.reader && error.empty()) going->reader = settings_.reader(test, &going->seen.protocol, error);
  Going* const raw = going.get();
  going->lines = std::make_unique<OutputLines>([raw](std::string_view line, u64 number) {
    raw->seen.expectations.line(line, number);
    if (raw->reader) raw->reader->line(line, number);
  });
  std::vector<std::string> words = command_of(test, settings_.around);
  words.insert(words.end(), {"--stats", going->statistics});
  const bool covered = settings_.on_coverage || !test.coverage.empty();
  if (covered) words.insert(words.end(), {"--vmx-coverage", coverage_file(going->index)});
  if (error.empty()) put_environment(test, settings_.around, error);
  const double limit = host_limit(test, settings_.around);
  const auto errors = [raw](std::string_view text) {
    raw->seen.errors += text;
    if (raw->seen.errors.size() > 2 * most_errors)
      raw->seen.errors.erase(0, raw->seen.errors.size() - most_errors);
  };
  if (error.empty())
    processes_.start({.words = process_words(test, std::move(words)),
                      .itself = test.shell_words.empty() ? settings_.itself : nullptr,
                      .host_seconds = limit > 0 ? limit + settings_.grace_seconds : 0,
                      .on_output = [raw](std::string_view bytes) { raw->lines->add(bytes); },
                      .on_errors = errors,
                      .on_end = [this, going](const ProcessEnd& end) { ended(going, end); }},
                     error);
  if (error.empty()) return;
  going->runs = 0;
  TestResult result = blank(test);
  result.reason = error;
  finish(*going, std::move(result));
}

void SuiteRunner::ended(const std::shared_ptr<Going>& going, const ProcessEnd& end) {
  Seen& seen = going->seen;
  going->lines->end();
  if (going->reader) {
    going->reader->end();
    seen.checks = going->reader->checks();
    seen.complaint = going->reader->complaint();
  }
  seen.end = end;
  seen.output = going->lines->last_part();
  seen.output_bytes = going->lines->bytes();
  seen.statistics = parse_statistics(contents(going->statistics));
  std::error_code none;
  if (!going->test.coverage.empty()) {
    VmxCoverage met;
    std::string why;
    if (read_vmx_coverage(contents(coverage_file(going->index)), met, why))
      seen.not_covered = first_not_met(going->test.coverage, met);
  }
  fs::remove(going->statistics, none);
  TestResult result = blank(going->test);
  judge(going->test, seen, result);
  if (going->first && result.state_hash != going->first->state_hash) {
    result.verdict = Verdict::failed;
    result.reason = fmt::format("run {} ends with state {}, run 1 with {}: {}", going->runs,
                                result.state_hash.empty() ? "unknown" : result.state_hash,
                                going->first->state_hash, result.reason);
    parted_.emplace_back(going->index, std::max(result.instructions, going->first->instructions));
  } else if (going->runs < settings_.repeat && !result.state_hash.empty()) {
    if (!going->first) going->first = std::move(result);
    spawn(going);
    return;
  }
  finish(*going, std::move(result));
}

// The debugger stands before the instruction then.
void SuiteRunner::tell_parting(std::size_t index, u64 instructions) {
  const Test& test = tests_[index];
  TestResult& result = *results_[index];
  if (watcher_.stop()) return;
  const Parting parting = find_parting(test, settings_.around, instructions, scratch_ / "parting",
                                       [this] { return watcher_.stop(); });
  result.reason += "; " + parting.words;
  if (parting.instructions < 2 || result.bundle.debug.empty()) return;
  result.line = 0;
  result.instructions = parting.instructions - 1;
  result.bundle.debug = debug_text(test, settings_.around, place_of(result));
}

void SuiteRunner::tell_coverage() {
  for (std::size_t index = 0; index < tests_.size(); ++index) {
    VmxCoverage met;
    std::string why;
    if (read_vmx_coverage(contents(coverage_file(index)), met, why)) settings_.on_coverage(met);
  }
}

SuiteRun SuiteRunner::run() {
  const auto since = HostClock::now();
  order();
  build();
  while (!over_ && (!waiting_.empty() || processes_.running() > 0)) {
    while (!over_ && !waiting_.empty() && processes_.running() < settings_.jobs) {
      const std::size_t next = waiting_.front();
      waiting_.pop_front();
      begin(next);
    }
    if (processes_.running() > 0) processes_.wait();
    over_ |= watcher_.stop();
  }
  processes_.kill_all();
  for (const auto& [index, instructions] : parted_) tell_parting(index, instructions);
  if (settings_.on_coverage) tell_coverage();
  SuiteRun all;
  for (auto& result : results_) {
    if (result) all.tests.push_back(std::move(*result));
  }
  all.host_seconds = std::chrono::duration<double>(HostClock::now() - since).count();
  return all;
}

}  // namespace

SuiteRun run_tests(std::span<const Test> tests, const RunSettings& settings, LastRuns& last,
                   RunWatcher& watcher) {
  return SuiteRunner(tests, settings, last, watcher).run();
}

}  // namespace ringside::conform
