// Owns reading what GoogleTest prints: "[ RUN      ] Suite.Case" and, when it has run, how it went.
#include <fmt/format.h>

#include <array>

#include "frontend/conform/protocols/collector.h"
#include "frontend/conform/protocols/readers.h"

namespace ringside::conform {
namespace {

constexpr std::array<ResultWord, 3> gtest_words = {{
    {"[       OK ] ", Verdict::passed},
    {"[  FAILED  ] ", Verdict::failed},
    {"[  SKIPPED ] ", Verdict::skipped},
}};
constexpr std::string_view run_front = "[ RUN      ] ", whole_front = "[==========] ";

class Gtest final : public Collector {
  void read(std::string_view text, u64) override {
    std::string_view rest = text;
    if (take(rest, run_front)) {
      abandon();
      forget_notes();
      running_ = trimmed(rest);
      return;
    }
    if (take(rest, whole_front)) return whole(rest);
    for (const ResultWord& word : gtest_words) {
      if (take(rest, word.text)) return result(rest, word.verdict);
    }
    note(text);
  }

  void finish() override {
    abandon();
    if (announced_ > come_)
      complain(fmt::format("{} of {} tests did not run", announced_ - come_, announced_));
  }

  // The list of the failed ones at the end has the same words: only the one that runs has a result.
  void result(std::string_view text, Verdict verdict) {
    if (running_.empty() || !text.starts_with(running_)) return;
    const char next = text.size() > running_.size() ? text[running_.size()] : ' ';
    if (next != ' ' && next != ',') return;
    add(running_, verdict);
    running_.clear();
    ++come_;
  }

  // "Running 5 tests from 2 test suites." and "5 tests from 2 test suites ran. (3 ms total)".
  void whole(std::string_view text) {
    u64 count = 0;
    if (take(text, "Running ") && take_number(text, count)) announced_ += count;
  }

  void abandon() {
    if (running_.empty()) return;
    note("it began and never ended");
    add(running_, Verdict::broken);
    running_.clear();
    ++come_;
  }

  std::string running_;
  u64 announced_ = 0, come_ = 0;
};

}  // namespace

bool looks_like_gtest(std::string_view line) {
  return line.starts_with(run_front) || (line.starts_with(whole_front) && line.find("Running ") != line.npos);
}
std::unique_ptr<ProtocolReader> gtest_reader() { return std::make_unique<Gtest>(); }

}  // namespace ringside::conform
