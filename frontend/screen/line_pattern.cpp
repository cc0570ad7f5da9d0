// Owns the compiling and matching of expressions over the lines of the screen.
#include "frontend/screen/line_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ringside {

void LinePattern::Free::operator()(regex_t* compiled) const {
  regfree(compiled);
  delete compiled;
}

bool LinePattern::compile(const std::string& what, const std::string& text, std::string& error) {
  if (text.empty()) {
    error = fmt::format("{}: the expression is empty; give what a line must match", what);
    return false;
  }
  auto compiled = std::make_unique<regex_t>();
  if (const int code = regcomp(compiled.get(), text.c_str(), REG_EXTENDED | REG_NOSUB)) {
    std::array<char, 128> why{};
    regerror(code, compiled.get(), why.data(), why.size());
    error = fmt::format("{} {}: {}; give a POSIX extended regular expression", what, text, why.data());
    return false;
  }
  compiled_ = std::shared_ptr<regex_t>(compiled.release(), Free());
  text_ = text;
  return true;
}

bool LinePattern::matches_any(const std::vector<std::string>& lines) const {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return regexec(compiled_.get(), line.c_str(), 0, nullptr, 0) == 0;
  });
}

}  // namespace ringside
