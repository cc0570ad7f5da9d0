// Owns what a person sees while suites run: a row for each test that has finished, and the state of the
// whole.
#include "frontend/program/test_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "frontend/conform/reports/harmless.h"
#include "frontend/program/output.h"

namespace ringside {
namespace {

using conform::harmless;
using conform::SuiteRun;
using conform::TestResult;
using conform::Verdict;

volatile std::sig_atomic_t caught_signal = 0;
void note_signal(int number) { caught_signal = number; }

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string_view colour_of(Verdict verdict) {
  if (conform::counts_as_failure(verdict)) return "\033[31m";
  return verdict == Verdict::passed ? "\033[32m" : "\033[33m";
}

std::string checks_of(const TestResult& result) {
  if (result.checks.empty()) return {};
  SuiteRun one;
  one.tests.push_back(result);
  const conform::Totals sum = conform::check_totals(one);
  return sum.failures() ? fmt::format("{} checks, {} failed", sum.all(), sum.failures())
                        : fmt::format("{} checks", sum.all());
}

}  // namespace

TestProgress::TestProgress(std::size_t of, bool verbose)
    : of_(of),
      verbose_(verbose),
      terminal_(isatty(STDERR_FILENO) && isatty(STDOUT_FILENO)),
      colour_(isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR")),
      since_(now()) {
  caught_signal = 0;
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
}

TestProgress::~TestProgress() {
  wipe();
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int TestProgress::caught() const { return caught_signal; }

void TestProgress::started(const conform::Test& test) { running_.push_back(full_name(test)); }

void TestProgress::finished(const TestResult& result, std::size_t done) {
  wipe();
  done_ = done;
  if (counts_as_failure(result.verdict)) ++failed_;
  const auto here = std::find(running_.begin(), running_.end(), result.suite + ": " + result.name);
  if (here != running_.end()) running_.erase(here);
  std::string detail = checks_of(result);
  if (!result.reason.empty()) detail += (detail.empty() ? "" : "; ") + harmless(result.reason);
  const std::string word = fmt::format("{:<16}", conform::verdict_name(result.verdict));
  print(fmt::format("{}{}{} {:8.2f} s  {}{}{}\n", colour_ ? colour_of(result.verdict) : "", word,
                    colour_ ? "\033[0m" : "", result.host_seconds, result.name, detail.empty() ? "" : "  ",
                    detail));
  if (verbose_) print(fmt::format("  {}\n", fmt::join(result.words, " ")));
  drawn_ = -1;
}

bool TestProgress::stop() {
  draw();
  return caught_signal != 0;
}

// Ten times a second at most; the time that is left is guessed from the tests that are done.
void TestProgress::draw() {
  constexpr double pause = 0.1;
  constexpr std::size_t width = 78;
  const double at = now();
  if (!terminal_ || at - drawn_ < pause) return;
  drawn_ = at;
  const double passed = at - since_;
  std::string line = fmt::format("{} of {} done, {} failed, {:.0f} s", done_, of_, failed_, passed);
  if (done_ > 0)
    line += fmt::format(", about {:.0f} s left", passed / static_cast<double>(done_) *
                                                     static_cast<double>(of_ - std::min(of_, done_)));
  for (const std::string& name : running_) line += "; " + harmless(name);
  tell("\r\033[K" + line.substr(0, width));
}

void TestProgress::wipe() {
  if (terminal_ && drawn_ >= 0) tell("\r\033[K");
}

}  // namespace ringside
