// Owns --expect and --fail-on: watching the guest's output for lines that match.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// POSIX extended regular expressions over the lines of the output, the unfinished one included. POSIX and not
// std::regex: that one recurses for each character, and a guest's endless line would run it out of stack.
class Expect {
 public:
  Expect();
  ~Expect();
  Expect(const Expect&) = delete;
  Expect& operator=(const Expect&) = delete;

  // Wanted in the order in which they were added: each from where the one before it was met, on the same line
  // or a later one. False and one line in `error` if the expression is wrong.
  bool add_wanted(const std::string& pattern, std::string& error);
  // Not wanted, at any time and on any line, until everything that is wanted was met.
  bool add_unwanted(const std::string& pattern, std::string& error);

  // What is wanted has all been met (and something was wanted).
  bool matched() const { return !wanted_.empty() && met_ == wanted_.size(); }
  // The expression that is not wanted and was met; empty: none was.
  const std::string& unwanted() const { return hit_; }
  // What is still missing, the first of it; empty: nothing is wanted, or all has been met.
  std::string missing() const;
  // It is decided, and the line that decided it has ended.
  bool finished() const { return line_ended_; }
  bool decided() const { return matched() || !hit_.empty(); }

  // One byte of output; true if it decides, or ends the line that did.
  bool output(u8 byte);

 private:
  // Longer lines are matched piece by piece: a match across the cut is lost, the cost per byte stays bounded.
  static constexpr std::size_t longest_line = 4096;

  struct Pattern;
  using Patterns = std::vector<std::unique_ptr<Pattern>>;
  static bool add(Patterns& to, const char* flag, const std::string& pattern, std::string& error);

  Patterns wanted_, unwanted_;
  std::size_t met_ = 0;
  std::string line_, hit_;
  std::size_t from_ = 0;  // of the line, where the last that was wanted was met
  bool met_here_ = false, line_ended_ = false;
};

}  // namespace ringside
