// Owns a regular expression over the lines of the screen.
#pragma once

#include <regex.h>

#include <memory>
#include <string>
#include <vector>

namespace ringside {

// POSIX extended, as --expect has them.
class LinePattern {
 public:
  // False and one line in `error`, which begins with `what` and the expression.
  bool compile(const std::string& what, const std::string& text, std::string& error);
  bool matches_any(const std::vector<std::string>& lines) const;
  const std::string& text() const { return text_; }

 private:
  struct Free {
    void operator()(regex_t* compiled) const;
  };
  std::string text_;
  std::shared_ptr<regex_t> compiled_;
};

}  // namespace ringside
