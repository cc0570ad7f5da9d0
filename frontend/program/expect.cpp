// Owns --expect and --fail-on: watching the guest's output for lines that match.
#include "frontend/program/expect.h"

#include <fmt/format.h>
#include <regex.h>

#include <array>

namespace ringside {

struct Expect::Pattern {
  Pattern() = default;
  ~Pattern() {
    if (good) regfree(&compiled);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  // In the text, which has a beginning for `^` and an end for `$` if it is the line's.
  bool in(const char* text_of_line, bool begins, bool ends) const {
    const int flags = (begins ? 0 : REG_NOTBOL) | (ends ? 0 : REG_NOTEOL);
    return regexec(&compiled, text_of_line, 0, nullptr, flags) == 0;
  }

  std::string text;
  regex_t compiled{};
  bool good = false;
};

Expect::Expect() = default;
Expect::~Expect() = default;

bool Expect::add(Patterns& to, const char* flag, const std::string& pattern, std::string& error) {
  if (pattern.empty()) {
    error = fmt::format("{}: the expression is empty; give what a line must match", flag);
    return false;
  }
  auto made = std::make_unique<Pattern>();
  made->text = pattern;
  if (const int code = regcomp(&made->compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB)) {
    std::array<char, 128> why{};
    regerror(code, &made->compiled, why.data(), why.size());
    error = fmt::format("{} {}: {}; give a POSIX extended regular expression", flag, pattern, why.data());
    return false;
  }
  made->good = true;
  to.push_back(std::move(made));
  return true;
}

bool Expect::add_wanted(const std::string& pattern, std::string& error) {
  return add(wanted_, "--expect", pattern, error);
}
bool Expect::add_unwanted(const std::string& pattern, std::string& error) {
  return add(unwanted_, "--fail-on", pattern, error);
}

std::string Expect::missing() const { return met_ < wanted_.size() ? wanted_[met_]->text : std::string(); }

bool Expect::output(u8 byte) {
  const bool ends = byte == '\n';
  if (decided()) {
    const bool now = ends && !line_ended_;
    line_ended_ |= ends;
    return now;
  }
  if ((wanted_.empty() && unwanted_.empty()) || byte == '\r') return false;
  // A NUL would end the text for regexec.
  if (!ends) line_ += byte == 0 ? ' ' : static_cast<char>(byte);
  for (const auto& pattern : unwanted_) {
    if (hit_.empty() && pattern->in(line_.c_str(), true, ends)) hit_ = pattern->text;
  }
  while (hit_.empty() && met_ < wanted_.size() &&
         wanted_[met_]->in(line_.c_str() + from_, !met_here_, ends)) {
    ++met_;
    met_here_ = true;
    from_ = line_.size();
  }
  if (ends || line_.size() >= longest_line) {
    line_.clear();
    from_ = 0;
    met_here_ = false;
  }
  line_ended_ = ends && decided();
  return decided();
}

}  // namespace ringside
