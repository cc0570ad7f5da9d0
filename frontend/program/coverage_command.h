// Owns `ringside coverage`: what several runs met of VMX, added up.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// The words behind "coverage". Returns the process's exit status; errors go to stderr as one line.
int add_coverage(std::span<const std::string_view> words);

}  // namespace ringside
