// Owns `ringside differ`: one machine on two dispatchers, and where they part.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// The flags of a run, and --with NAME: what the emitted dispatcher is compared with. Returns the process's
// exit status: 1 where they part, 124 where a limit ended the comparison.
int run_differ(std::span<const std::string_view> arguments);

}  // namespace ringside
