// Owns --expect: watching the guest's output for a line that matches.
#include "frontend/program/expect.h"

#include <fmt/format.h>
#include <regex.h>

#include <array>

namespace ringside {

struct Expect::Regex {
  regex_t compiled;
};

Expect::Expect() = default;
Expect::~Expect() {
  if (compiled_) regfree(&regex_->compiled);
}

bool Expect::compile(const std::string& pattern, std::string& error) {
  if (pattern.empty()) {
    error = "--expect: the expression is empty; give what a line must match";
    return false;
  }
  regex_ = std::make_unique<Regex>();
  if (const int code = regcomp(&regex_->compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB)) {
    std::array<char, 128> why{};
    regerror(code, &regex_->compiled, why.data(), why.size());
    error = fmt::format("--expect {}: {}; give a POSIX extended regular expression", pattern, why.data());
    return false;
  }
  compiled_ = true;
  return true;
}

bool Expect::output(u8 byte) {
  if (!compiled_ || matched_ || byte == '\r') return false;
  const bool ends = byte == '\n';
  // A NUL would end the text for regexec.
  if (!ends) line_ += byte == 0 ? ' ' : static_cast<char>(byte);
  // Only a finished line has an end that `$` may match.
  matched_ = regexec(&regex_->compiled, line_.c_str(), 0, nullptr, ends ? 0 : REG_NOTEOL) == 0;
  if (ends || line_.size() >= longest_line) line_.clear();
  return matched_;
}

}  // namespace ringside
