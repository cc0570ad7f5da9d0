// Owns reading what kvm-unit-tests print: "PASS: name", "FAIL: name", ..., and a line that counts them.
#include <fmt/format.h>

#include <array>

#include "frontend/conform/protocols/collector.h"
#include "frontend/conform/protocols/readers.h"

namespace ringside::conform {
namespace {

// A known failure (KFAIL) is one that a test says of itself, as an expected one is.
constexpr std::array<ResultWord, 7> report_words = {{
    {"PASS: ", Verdict::passed},
    {"FAIL: ", Verdict::failed},
    {"SKIP: ", Verdict::skipped},
    {"XFAIL: ", Verdict::expected_failure},
    {"KFAIL: ", Verdict::expected_failure},
    {"XPASS: ", Verdict::unexpected_pass},
    {"ABORT: ", Verdict::broken},
}};

const ResultWord* report_word(std::string_view line) {
  for (const ResultWord& word : report_words) {
    if (line.starts_with(word.text)) return &word;
  }
  return nullptr;
}

// The prefixes of a report stand before its name with ": " between, as they may stand within the name; it is
// left as it was printed.
class KvmUnitTests final : public Collector {
  void read(std::string_view text, u64) override {
    if (const ResultWord* word = report_word(text)) {
      const std::string_view name = trimmed(text.substr(word->text.size()));
      ++since_.all;
      since_.failures += word->verdict == Verdict::failed || word->verdict == Verdict::unexpected_pass;
      add(name, word->verdict);
    } else if (take(text, "SUMMARY: ")) {
      compare(text);
    } else {
      note(text);
    }
  }

  // "5 tests, 1 unexpected failures, 2 expected failures, 1 skipped". A test may count checks that it does
  // not print; those that it prints, it counts.
  void compare(std::string_view text) {
    u64 tests = 0, failures = 0;
    if (!take_number(text, tests) || !take(text, " tests")) return;
    if (std::string_view rest = text;
        take(rest, ", ") && take_number(rest, failures) && !rest.starts_with(" unexpected"))
      failures = 0;
    if (failures != since_.failures)
      complain(fmt::format("the summary counts {} unexpected failures, the output shows {}", failures,
                           since_.failures));
    if (since_.all > tests)
      complain(fmt::format("the summary counts {} tests, the output shows {}", tests, since_.all));
    since_ = {};
  }

  struct {
    u64 all = 0, failures = 0;
  } since_;  // the last summary: a test that resets the machine begins once more
};

}  // namespace

bool looks_like_kvm_unit_tests(std::string_view line) {
  return report_word(line) || (line.starts_with("SUMMARY: ") && line.find(" tests") != line.npos);
}
std::unique_ptr<ProtocolReader> kvm_unit_tests_reader() { return std::make_unique<KvmUnitTests>(); }

}  // namespace ringside::conform
