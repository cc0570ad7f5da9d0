// Owns what a person may have meant by a word that nobody knows.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace ringside {

// The known word nearest to `word`, if it is near enough to be a slip: one edit in a short word, up to three
// in a long one, where two letters that changed places are one edit.
std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace ringside
