// Owns the way from a flag to its value, the same on every command line of the program.
#include "frontend/program/flag_value.h"

#include <fmt/format.h>

namespace ringside {

bool take_flag_value(const FlagShape& flag, std::span<const std::string_view> words, std::size_t& at,
                     std::optional<std::string_view>& value, std::string& error) {
  const std::string_view word = words[at];
  if (flag.argument.empty() && value) {
    error = fmt::format("{}: takes no value; write {}", word, flag.spelled);
    return false;
  }
  if (flag.argument.empty() || value) return true;
  if (at + 1 == words.size()) {
    error = fmt::format("{}: its value is missing; write {} {}", word, flag.spelled, flag.argument);
    return false;
  }
  value = words[++at];
  return true;
}

}  // namespace ringside
