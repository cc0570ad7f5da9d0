// Owns the patterns that a test's lines must and must not match.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside::conform {

// A POSIX extended regular expression, as the emulator's --expect has them.
class LineRegex {
 public:
  // False and one line in `error`: the expression, what is wrong with it, and the cure.
  bool compile(const std::string& text, std::string& error);
  // Where the first match in the line ends; npos: there is none. Of a line's rest, `begins` is false.
  std::size_t match_end(const char* line, bool begins = true) const;
  bool matches(const std::string& line) const { return match_end(line.c_str()) != std::string::npos; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::shared_ptr<void> compiled_;
};

class Expectations {
 public:
  bool add_wanted(const std::string& text, std::string& error) { return add(wanted_, text, error); }
  bool add_absent(const std::string& text, std::string& error) { return add(absent_, text, error); }

  void line(std::string_view text, u64 number);
  // The first of those that are still waited for; empty: all have come.
  std::string missing() const { return met_ < wanted_.size() ? wanted_[met_].text() : std::string(); }
  u64 last_met() const { return last_met_; }  // line; 0: none has come yet
  // The one that should not have come, and the line where it did; empty: none has.
  const std::string& hit() const { return hit_; }
  u64 hit_line() const { return hit_line_; }

 private:
  static bool add(std::vector<LineRegex>& to, const std::string& text, std::string& error);
  std::vector<LineRegex> wanted_, absent_;
  std::size_t met_ = 0;
  u64 last_met_ = 0, hit_line_ = 0;
  std::string hit_;
};

}  // namespace ringside::conform
