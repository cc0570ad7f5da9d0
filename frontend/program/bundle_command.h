// Owns `ringside bundle`: from a run, or a recording of one, to a file that somebody else can open.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// OUT [--hashes] [--note TEXT] [FLAG...], with the flags of a run. `itself` is what the program does with its
// words. Returns the process's exit status.
int run_bundle(std::span<const std::string_view> arguments, int (*itself)(std::span<const std::string_view>));

}  // namespace ringside
