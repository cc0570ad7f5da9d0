// Owns --expect: watching the guest's output for a line that matches.
#pragma once

#include <memory>
#include <string>

#include "cpu/arch/types.h"

namespace ringside {

// A POSIX extended regular expression over the lines of the output, the unfinished one included. POSIX and
// not std::regex: that one recurses for each character, and a guest's endless line would run it out of stack.
class Expect {
 public:
  Expect();
  ~Expect();
  Expect(const Expect&) = delete;
  Expect& operator=(const Expect&) = delete;

  // False and one line in `error` if the expression is wrong.
  bool compile(const std::string& pattern, std::string& error);
  bool active() const { return compiled_; }
  bool matched() const { return matched_; }

  // One byte of output; true if it completes the first match.
  bool output(u8 byte);

 private:
  // Longer lines are matched piece by piece: a match across the cut is lost, the cost per byte stays bounded.
  static constexpr std::size_t longest_line = 4096;

  struct Regex;
  std::unique_ptr<Regex> regex_;
  std::string line_;
  bool compiled_ = false, matched_ = false;
};

}  // namespace ringside
