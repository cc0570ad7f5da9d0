// Owns what a terminal shows of a run of suites at its end.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/conform/reports/harmless.h"
#include "frontend/conform/reports/reports.h"

namespace ringside::conform {
namespace {

constexpr std::size_t most_checks_told = 20, most_output_lines = 20;

class Summary {
 public:
  Summary(unsigned columns, bool colour)
      : columns_(columns == 0 ? ~0u : std::max(columns, 20u)), colour_(colour) {}

  // Cut where the terminal ends, so that each line stays one.
  void line(std::string_view indent, std::string_view bytes) {
    std::string told = harmless(bytes);
    const std::size_t room = columns_ > indent.size() ? columns_ - indent.size() : 1;
    if (told.size() > room) {
      std::size_t end = room > 3 ? room - 3 : 1;
      while (end > 0 && (static_cast<unsigned char>(told[end]) & 0xc0) == 0x80) --end;
      told = told.substr(0, end) + "...";
    }
    text_ += fmt::format("{}{}\n", indent, told);
  }
  // Of a command, which is copied from there: never cut.
  void whole(std::string_view name, std::string_view value) {
    if (!value.empty()) text_ += fmt::format("    {}: {}\n", name, harmless(value));
  }
  // Of a story, whose beginning says most.
  void first_lines(std::string_view indent, std::string_view bytes, std::size_t most) {
    std::size_t told = 0;
    for (; !bytes.empty() && told < most; ++told) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size());
      line(indent, bytes.substr(0, end));
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
    if (!bytes.empty())
      text_ += fmt::format("{}... {} lines more\n", indent, std::count(bytes.begin(), bytes.end(), '\n') + 1);
  }
  void lines(std::string_view indent, std::string_view bytes, std::size_t most) {
    std::vector<std::string_view> all;
    while (!bytes.empty()) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size());
      all.push_back(bytes.substr(0, end));
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
    const std::size_t first = all.size() > most ? all.size() - most : 0;
    if (first > 0) text_ += fmt::format("{}... {} lines before\n", indent, first);
    for (std::size_t i = first; i < all.size(); ++i)
      line(indent, all[i].ends_with('\r') ? all[i].substr(0, all[i].size() - 1) : all[i]);
  }
  void heading(std::string_view word, std::string_view code, std::string_view rest) {
    if (colour_) text_ += fmt::format("\x1b[1;{}m{}\x1b[0m", code, word);
    if (!colour_) text_ += word;
    text_ += fmt::format(" {}\n", harmless(rest));
  }
  void add(std::string_view text) { text_ += text; }
  std::string take() { return std::move(text_); }

 private:
  unsigned columns_;
  bool colour_;
  std::string text_;
};

void tell_failure(const TestResult& test, Summary& summary) {
  summary.heading(
      test.verdict == Verdict::broken ? "BROKEN" : "FAILED", "31",
      fmt::format("{}: {}{}", test.suite, test.name, test.reason.empty() ? "" : ": " + test.reason));
  std::size_t told = 0, failing = 0;
  for (const Check& check : test.checks) {
    if (!counts_as_failure(check.verdict) || ++failing > most_checks_told) continue;
    ++told;
    summary.line(
        "    ",
        fmt::format("{} {}{}", check.verdict == Verdict::failed ? "not ok" : verdict_name(check.verdict),
                    check.name, check.line > 0 ? fmt::format(" (line {})", check.line) : ""));
    summary.lines("      ", check.message, most_output_lines);
  }
  if (failing > told) summary.add(fmt::format("    ... {} more\n", failing - told));
  if (failing == 0) summary.lines("    | ", test.output, most_output_lines);
  summary.first_lines("    ", test.bundle.explained, most_output_lines);
  summary.whole("again", test.bundle.reproduce);
  summary.whole("debug", test.bundle.debug);
  summary.whole("files", test.bundle.folder);
}

std::string counts(const Totals& sum, std::string_view what) {
  std::string text = fmt::format("{} {}: {} passed", sum.all(), what, sum.passed);
  const auto more = [&](u64 number, std::string_view name) {
    if (number > 0) text += fmt::format(", {} {}", number, name);
  };
  more(sum.failed, "failed");
  more(sum.broken, "broken");
  more(sum.unexpected_passes, "passed unexpectedly");
  more(sum.expected_failures, "failed as expected");
  more(sum.skipped, "skipped");
  return text;
}

}  // namespace

std::string text_summary(const SuiteRun& run, unsigned columns, bool colour) {
  Summary summary(columns, colour);
  for (const TestResult& test : run.tests) {
    if (counts_as_failure(test.verdict)) tell_failure(test, summary);
  }
  const Totals tests = totals(run), checks = check_totals(run);
  const bool bad = tests.failures() > 0;
  summary.heading(bad ? "FAILED" : "PASSED", bad ? "31" : "32",
                  fmt::format("{} ({:.1f} s)", counts(tests, "tests"), run.host_seconds));
  if (checks.all() > 0) summary.add(fmt::format("       {}\n", counts(checks, "checks inside them")));
  return summary.take();
}

}  // namespace ringside::conform
