// Owns the patterns that a test's lines must and must not match.
#include "frontend/conform/running/expectations.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <array>

namespace ringside::conform {

bool LineRegex::compile(const std::string& text, std::string& error) {
  if (text.empty()) {
    error = "the expression is empty; give what a line must match";
    return false;
  }
  auto made = std::make_unique<regex_t>();
  if (const int code = regcomp(made.get(), text.c_str(), REG_EXTENDED)) {
    std::array<char, 128> why{};
    regerror(code, made.get(), why.data(), why.size());
    error = fmt::format("{}: {}; give a POSIX extended regular expression", text, why.data());
    return false;
  }
  text_ = text;
  compiled_ = std::shared_ptr<void>(made.release(), [](void* compiled) {
    regfree(static_cast<regex_t*>(compiled));
    delete static_cast<regex_t*>(compiled);
  });
  return true;
}

std::size_t LineRegex::match_end(const char* line, bool begins) const {
  regmatch_t found{};
  const auto* compiled = static_cast<const regex_t*>(compiled_.get());
  if (!compiled || regexec(compiled, line, 1, &found, begins ? 0 : REG_NOTBOL) != 0) return std::string::npos;
  return static_cast<std::size_t>(found.rm_eo);
}

bool Expectations::add(std::vector<LineRegex>& to, const std::string& text, std::string& error) {
  LineRegex made;
  if (!made.compile(text, error)) return false;
  to.push_back(std::move(made));
  return true;
}

void Expectations::line(std::string_view text, u64 number) {
  if (wanted_.empty() && absent_.empty()) return;
  std::string whole(text);
  std::replace(whole.begin(), whole.end(), '\0', ' ');
  for (const LineRegex& pattern : absent_) {
    if (!hit_.empty() || !pattern.matches(whole)) continue;
    hit_ = pattern.text();
    hit_line_ = number;
  }
  std::size_t from = 0;
  while (met_ < wanted_.size()) {
    const std::size_t end = wanted_[met_].match_end(whole.c_str() + from, from == 0);
    if (end == std::string::npos) return;
    from += end;
    ++met_;
    last_met_ = number;
  }
}

}  // namespace ringside::conform
