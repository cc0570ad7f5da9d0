// Owns a run of suites as TAP 14.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/conform/reports/reports.h"

namespace ringside::conform {
namespace {

// In one line; '#' begins a directive and '\' an escape, so that both are escaped.
std::string description(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '#' || c == '\\') text += '\\';
    text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return text;
}

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, text.find('\n')));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line;
}

std::string directive(Verdict verdict, std::string_view reason) {
  const std::string told = reason.empty() ? "" : " " + one_line(reason);
  if (verdict == Verdict::skipped) return " # SKIP" + told;
  if (verdict == Verdict::expected_failure) return " # TODO" + told;
  return "";
}

std::string point(u64 number, std::string_view name, Verdict verdict, std::string_view reason) {
  const bool ok = verdict == Verdict::passed || verdict == Verdict::skipped;
  return fmt::format("{} {} - {}{}\n", ok ? "ok" : "not ok", number, description(name),
                     directive(verdict, reason));
}

// A block of YAML: each value a literal block, so that any text is sound.
class Block {
 public:
  explicit Block(std::string indent) : indent_(std::move(indent)) {}
  void add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text_ += fmt::format("{}{}: |\n", indent_, name);
    while (!value.empty()) {
      const std::size_t end = std::min(value.find('\n'), value.size());
      std::string line(value.substr(0, end));
      for (char& c : line) {
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t') c = ' ';
      }
      text_ += fmt::format("{}  {}\n", indent_, line);
      value.remove_prefix(std::min(end + 1, value.size()));
    }
  }
  std::string text() const { return text_.empty() ? "" : fmt::format("{0}---\n{1}{0}...\n", indent_, text_); }

 private:
  std::string indent_, text_;
};

std::string subtest(const TestResult& test, const std::string& name) {
  std::string text = fmt::format("# Subtest: {}\n", description(name));
  u64 number = 0;
  for (const Check& check : test.checks) {
    text += "    " + point(++number, check.name, check.verdict, check.message);
    if (!counts_as_failure(check.verdict)) continue;
    Block block("      ");
    block.add("verdict", verdict_name(check.verdict));
    block.add("message", check.message);
    text += block.text();
  }
  return text + fmt::format("    1..{}\n", number);
}

}  // namespace

std::string tap(const SuiteRun& run) {
  std::string text = fmt::format("TAP version 14\n1..{}\n", run.tests.size());
  u64 number = 0;
  for (const TestResult& test : run.tests) {
    const std::string name = fmt::format("{}: {}", test.suite, test.name);
    if (!test.checks.empty()) text += subtest(test, name);
    text += point(++number, name, test.verdict, test.reason);
    if (!counts_as_failure(test.verdict)) continue;
    Block block("  ");
    block.add("verdict", verdict_name(test.verdict));
    block.add("message", test.reason);
    block.add("ending", test.ending);
    block.add("reproduce", test.bundle.reproduce);
    block.add("debug", test.bundle.debug);
    block.add("explained", test.bundle.explained);
    text += block.text();
  }
  return text;
}

}  // namespace ringside::conform
