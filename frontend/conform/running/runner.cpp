// Owns a run of tests: several at once, the longest first, each in a process of its own.
#include "frontend/conform/running/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>

#include "frontend/conform/running/judgement.h"
#include "frontend/conform/running/output_lines.h"
#include "frontend/conform/running/parting.h"
#include "frontend/conform/suites/coverage_names.h"
#include "frontend/machine/scratch_folder.h"
#include "frontend/machine/state_file.h"

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

class SuiteRunner {
 public:
  SuiteRunner(std::span<const Test> tests, const RunSettings& settings, LastRuns& last, RunWatcher& watcher)
      : tests_(tests), settings_(settings), last_(last), watcher_(watcher), results_(tests.size()) {}

  SuiteRun run();

 private:
  void order();
  void build();
  void add_fixtures();
  bool is_fixture(std::size_t index) const { return index >= tests_.size(); }
  const Test& test_at(std::size_t index) const {
    return is_fixture(index) ? *fixtures_[index - tests_.size()].test : tests_[index];
  }
  bool kept_from_before(const Test& fixture) const;
  void fixture_ended(std::size_t index, TestResult result);
  std::optional<std::size_t> next_to_begin();
  void begin(std::size_t index);
  bool prepare(Going& going, std::string& error);
  void spawn(const std::shared_ptr<Going>& going);
  void ended(const std::shared_ptr<Going>& going, const ProcessEnd& end);
  void finish(const Going& going, TestResult result);
  TestResult blank(const Test& test) const;
  void tell_parting(std::size_t index, u64 instructions);
  void tell_coverage();
  void tell_code_coverage(std::size_t index);
  std::string code_coverage_file(std::size_t index) const {
    return scratch_ /
           fmt::format("{}-code{}", index, settings_.code_coverage.starts_with('.') ? ".info" : "");
  }
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
  struct Fixture {
    std::shared_ptr<const Test> test;
    bool decided = false;
    std::string why_not;  // it failed; empty: its machine is there
  };
  const Fixture* fixture_of(const Test& test) const;
  std::vector<Fixture> fixtures_;  // numbered behind the tests
  std::vector<TestResult> failed_fixtures_;
  std::size_t done_ = 0;
  bool over_ = false;
  ScratchFolder scratch_{"test"};
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

// Those that tests of this run begin with; they come before all tests.
void SuiteRunner::add_fixtures() {
  for (const Test& test : tests_) {
    if (!test.fixture || !test.broken.empty() || !test.skip.empty() || fixture_of(test)) continue;
    fixtures_.push_back({test.fixture});
    waiting_.push_front(tests_.size() + fixtures_.size() - 1);
  }
}

const SuiteRunner::Fixture* SuiteRunner::fixture_of(const Test& test) const {
  const auto found = std::find_if(fixtures_.begin(), fixtures_.end(),
                                  [&](const Fixture& fixture) { return fixture.test == test.fixture; });
  return found == fixtures_.end() ? nullptr : &*found;
}

// A run before this one, or another shard, has made it of the same things.
bool SuiteRunner::kept_from_before(const Test& fixture) const {
  const std::string made = contents(fixture_made(fixture, settings_.around));
  std::string none;
  return made == fixture_sources(fixture, settings_.around) &&
         describe_state_file(fixture_file(fixture, settings_.around), none).has_value();
}

void SuiteRunner::fixture_ended(std::size_t index, TestResult result) {
  Fixture& fixture = fixtures_[index - tests_.size()];
  std::string why;
  if (counts_as_failure(result.verdict))
    why = result.reason;
  else if (!keep_file(fixture_made(*fixture.test, settings_.around),
                      fixture_sources(*fixture.test, settings_.around), why))
    result.verdict = Verdict::broken;
  fixture.decided = true;
  last_.note(result);
  if (!counts_as_failure(result.verdict)) return;
  fixture.why_not = fmt::format("its {} failed: {}", fixture.test->name, why);
  watcher_.finished(result, done_);
  failed_fixtures_.push_back(std::move(result));
}

// The first that need not wait for its fixture.
std::optional<std::size_t> SuiteRunner::next_to_begin() {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [this](std::size_t index) {
    const Fixture* const fixture = is_fixture(index) ? nullptr : fixture_of(tests_[index]);
    return !fixture || fixture->decided;
  });
  if (found == waiting_.end()) return std::nullopt;
  const std::size_t index = *found;
  waiting_.erase(found);
  return index;
}

// Each command once, however many tests want what it makes.
void SuiteRunner::build() {
  std::deque<std::pair<std::string, std::string>> wanted;
  std::vector<const Test*> all;
  for (const Test& test : tests_) all.push_back(&test);
  for (const Fixture& fixture : fixtures_) all.push_back(fixture.test.get());
  for (const Test* const one : all) {
    const Test& test = *one;
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
           .processor_seconds = build_seconds,
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
  if (is_fixture(going.index)) return fixture_ended(going.index, std::move(result));
  if (settings_.on_code_coverage && going.runs > 0) tell_code_coverage(going.index);
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
  const auto going = std::make_shared<Going>(test_at(index));
  going->index = index;
  TestResult result = blank(going->test);
  const Fixture* const fixture = fixture_of(going->test);
  const std::string no_fixture = fixture ? fixture->why_not : std::string();
  if ((!going->test.skip.empty() || !no_fixture.empty()) && going->test.broken.empty()) {
    result.verdict = Verdict::skipped;
    result.reason = going->test.skip.empty() ? no_fixture : going->test.skip;
    finish(*going, std::move(result));
    return;
  }
  std::string error;
  if (prepare(*going, error)) {
    if (is_fixture(index) && kept_from_before(going->test)) {
      fixtures_[index - tests_.size()].decided = true;
      return;
    }
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
  if (is_fixture(going->index)) {
    const std::string file = fixture_file(test, settings_.around);
    std::error_code none;
    fs::create_directories(fs::path(file).parent_path(), none);
    fs::remove(fixture_made(test, settings_.around), none);
    words.insert(words.end(), {"--save", file});
  }
  const bool covered = (settings_.on_coverage && !is_fixture(going->index)) || !test.coverage.empty();
  if (covered) words.insert(words.end(), {"--vmx-coverage", coverage_file(going->index)});
  if (settings_.on_code_coverage && !is_fixture(going->index))
    words.insert(words.end(), {"--code-coverage",
                               scratch_ / fmt::format("{}-code{}", going->index, settings_.code_coverage)});
  if (error.empty()) put_environment(test, settings_.around, error);
  const auto errors = [raw](std::string_view text) {
    raw->seen.errors += text;
    if (raw->seen.errors.size() > 2 * most_errors)
      raw->seen.errors.erase(0, raw->seen.errors.size() - most_errors);
  };
  if (error.empty())
    processes_.start({.words = process_words(test, std::move(words)),
                      .itself = test.shell_words.empty() ? settings_.itself : nullptr,
                      .processor_seconds = host_limit(test, settings_.around),
                      .grace_seconds = settings_.grace_seconds,
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
  } else if (!is_fixture(going->index) && going->runs < settings_.repeat && !result.state_hash.empty()) {
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
  const Parting parting = find_parting(
      test, settings_.around, instructions, scratch_ / "parting", [this] { return watcher_.stop(); },
      settings_.itself);
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

// Such files may be large: each goes when it has been told of. A test that was killed has none.
void SuiteRunner::tell_code_coverage(std::size_t index) {
  const std::string bytes = contents(code_coverage_file(index));
  std::error_code none;
  fs::remove(code_coverage_file(index), none);
  if (!bytes.empty()) settings_.on_code_coverage(bytes);
}

SuiteRun SuiteRunner::run() {
  const auto since = HostClock::now();
  order();
  add_fixtures();
  build();
  while (!over_ && (!waiting_.empty() || processes_.running() > 0)) {
    while (!over_ && processes_.running() < settings_.jobs) {
      const auto next = next_to_begin();
      if (!next) break;
      begin(*next);
    }
    if (processes_.running() > 0) processes_.wait();
    over_ |= watcher_.stop();
  }
  processes_.kill_all();
  for (const auto& [index, instructions] : parted_) tell_parting(index, instructions);
  if (settings_.on_coverage) tell_coverage();
  SuiteRun all;
  all.tests = std::move(failed_fixtures_);
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
