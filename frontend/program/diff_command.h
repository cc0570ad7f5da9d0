// Owns `ringside diff`: what differs between two saved machines.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// Exit status 0: nothing; 1: something; 2: it cannot be said.
int run_diff(std::span<const std::string_view> arguments);

}  // namespace ringside
