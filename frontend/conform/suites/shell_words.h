// Owns command lines as text: words from it, and words as a person may paste them into a shell.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::conform {

// The words of a text with quotes and backslashes as a POSIX shell reads them. nullopt: only a shell can say
// what they are, because it expands something in them, or a quote is not closed.
std::optional<std::vector<std::string>> plain_words(std::string_view text);

// The word as it is, or in quotes if a shell would read it otherwise.
std::string quoted(std::string_view word);
std::string quoted(std::span<const std::string> words);

}  // namespace ringside::conform
