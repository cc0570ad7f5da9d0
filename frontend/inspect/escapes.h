// Owns how bytes are written on a command line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringside {

// The text with \n, \r, \t and \xHH as the characters that they stand for; behind any other backslash a
// character is itself. nullopt: no two digits are behind \x.
std::optional<std::string> unescaped(std::string_view text);

}  // namespace ringside
