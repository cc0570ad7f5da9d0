// Owns one run's output while it comes: its lines, its last part, and how much there was.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cpu/arch/types.h"

namespace ringside::conform {

class OutputLines {
 public:
  // Called with each line without its end, and its number from 1 on. A line longer than `longest_line` comes
  // in pieces, each counted.
  using Each = std::function<void(std::string_view line, u64 number)>;
  explicit OutputLines(Each each) : each_(std::move(each)) {}

  void add(std::string_view bytes);
  // What stands behind the last line's end is a line, too.
  void end();
  u64 bytes() const { return bytes_; }
  // From a line's beginning on, if there was more than is kept.
  std::string last_part() const;

  static constexpr std::size_t longest_line = 64 << 10, most_kept = 256 << 10;

 private:
  void tell();
  Each each_;
  std::string line_, kept_;
  u64 bytes_ = 0, number_ = 0;
};

}  // namespace ringside::conform
