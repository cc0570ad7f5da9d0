// Owns reading what tests of the Xen Test Framework print: a title, and one result at the end.
#include <array>

#include "frontend/conform/protocols/collector.h"
#include "frontend/conform/protocols/readers.h"

namespace ringside::conform {
namespace {

// ERROR is an issue of the test, FAILURE one of what it tests; CRASH is the word of the runner.
constexpr std::array<ResultWord, 5> xtf_words = {{
    {"SUCCESS", Verdict::passed},
    {"SKIP", Verdict::skipped},
    {"ERROR", Verdict::broken},
    {"FAILURE", Verdict::failed},
    {"CRASH", Verdict::broken},
}};
constexpr std::string_view banner = "--- Xen Test Framework ---", result_front = "Test result: ";

const ResultWord* xtf_word(std::string_view line) {
  if (!take(line, result_front)) return nullptr;
  line = trimmed(line);
  for (const ResultWord& word : xtf_words) {
    if (line == word.text || line == std::string(word.text) + " with warnings") return &word;
  }
  return nullptr;
}

class Xtf final : public Collector {
  void read(std::string_view text, u64) override {
    if (text.starts_with(banner)) {
      finish();
      title_.clear();
      open_ = true;
      title_next_ = false;
      forget_notes();
    } else if (text.starts_with("Environment: ")) {
      environment_ = text.substr(13);
      title_next_ = true;
    } else if (title_next_) {
      title_ = trimmed(text);
      title_next_ = false;
    } else if (const ResultWord* word = xtf_word(text)) {
      const bool warned = text.ends_with("with warnings");
      if (word->verdict == Verdict::skipped)
        add(name(), word->verdict, skip_.empty() ? "skipped" : skip_);
      else
        add(name(), word->verdict, warned ? "with warnings" : "");
      open_ = false;
      skip_.clear();
      title_.clear();  // a result that no test announces, of a domain that does not start, has no name
    } else {
      if (std::string_view rest = text; take(rest, "Skip: ")) skip_ = trimmed(rest);
      note(text);
    }
  }

  void finish() override {
    if (!open_) return;
    add(name(), Verdict::broken);  // with what it has printed: a panic, as a rule
    open_ = false;
  }

  std::string name() const {
    if (title_.empty()) return "test";
    return environment_.empty() ? title_ : title_ + " [" + environment_ + "]";
  }

  bool open_ = false, title_next_ = false;
  std::string title_, environment_, skip_;
};

}  // namespace

bool looks_like_xtf(std::string_view line) { return line.starts_with(banner) || xtf_word(line); }
std::unique_ptr<ProtocolReader> xtf_reader() { return std::make_unique<Xtf>(); }

}  // namespace ringside::conform
