// Owns `ringside compare`.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// Measures subjects, prints the table, and writes what else is asked for. The process's exit status.
int run_compare(std::span<const std::string_view> words);

}  // namespace ringside
