// Owns reading the SOTEST protocol, which Cyberus' guest-tests print: "SOTEST SUCCESS "name"" between "SOTEST
// VERSION 1 BEGIN n" and "SOTEST END".
#include <fmt/format.h>

#include "frontend/conform/protocols/collector.h"
#include "frontend/conform/protocols/readers.h"

namespace ringside::conform {
namespace {

class Sotest final : public Collector {
  void read(std::string_view text, u64) override {
    if (!take(text, "SOTEST ")) {
      // It names the check whose result comes next: one that is skipped has no name there.
      if (std::string_view rest = text; take(rest, "test case: ")) {
        forget_notes();
        take(rest, "test_");
        running_ = trimmed(rest);
      } else {
        note(text);
      }
    } else if (take(text, "VERSION ")) {
      begin(text);
    } else if (take(text, "SUCCESS")) {
      result(text, Verdict::passed);
    } else if (take(text, "FAIL")) {
      result(text, Verdict::failed);
    } else if (take(text, "SKIP")) {
      result(text, Verdict::skipped);
    } else if (trimmed(text) == "END") {
      close();
    }
  }

  void finish() override {
    if (!begun_) return;
    if (!running_.empty()) {
      add(running_, Verdict::broken, "it began and the output ended");
      ++come_;
    }
    complain("there is no SOTEST END");
    close();
  }

  void begin(std::string_view text) {
    u64 version = 0, count = 0;
    if (!take_number(text, version) || !take(text, " BEGIN ") || !take_number(text, count)) {
      complain("SOTEST VERSION without a version and a number of tests");
      return;
    }
    if (version != 1) complain(fmt::format("SOTEST's version {} is not known", version));
    if (begun_) close();
    begun_ = true;
    announced_ = count;
    come_ = 0;
    running_.clear();
    forget_notes();
  }

  void result(std::string_view text, Verdict verdict) {
    if (!text.empty() && text.front() != ' ' && text.front() != '\t') return;  // SOTEST FAILING
    std::string_view name = trimmed(text);
    if (name.size() >= 2 && name.front() == '"') name = name.substr(1, name.rfind('"') - 1);
    ++come_;
    if (name.empty() && running_.empty())
      add(fmt::format("test {}", come_), verdict);
    else
      add(name.empty() ? running_ : name, verdict);
    running_.clear();
  }

  void close() {
    if (begun_ && come_ < announced_) add_missing("test", come_ + 1, announced_);
    if (begun_ && come_ > announced_)
      complain(fmt::format("{} tests were announced, {} came", announced_, come_));
    begun_ = false;
  }

  bool begun_ = false;
  u64 announced_ = 0, come_ = 0;
  std::string running_;
};

}  // namespace

bool looks_like_sotest(std::string_view line) { return line.starts_with("SOTEST VERSION "); }
std::unique_ptr<ProtocolReader> sotest_reader() { return std::make_unique<Sotest>(); }

}  // namespace ringside::conform
