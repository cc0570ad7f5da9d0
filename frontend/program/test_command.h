// Owns `ringside test`: from its words to its exit status.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// `itself` is this program with other words; its value is the exit status.
int run_test_command(std::span<const std::string_view> words,
                     int (*itself)(std::span<const std::string_view>));

}  // namespace ringside
