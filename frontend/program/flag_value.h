// Owns the way from a flag to its value, the same on every command line of the program.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringside {

// One flag as its table has it. `argument`: what its value is called; empty: it takes none.
struct FlagShape {
  std::string spelled;
  std::string_view argument;
};

// The flag was named by words[at], and `value` is what stood there behind "=", if anything did. Takes the
// next word as its value where it wants one, and moves `at` there. False and one line in `error`: there is
// none, or one too many.
bool take_flag_value(const FlagShape& flag, std::span<const std::string_view> words, std::size_t& at,
                     std::optional<std::string_view>& value, std::string& error);

}  // namespace ringside
