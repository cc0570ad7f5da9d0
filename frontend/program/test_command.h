// Owns `ringside test`: from its words to its exit status.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

int run_test_command(std::span<const std::string_view> words);

}  // namespace ringside
