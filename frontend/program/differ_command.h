// Owns `ringside differ`: one guest on two dispatchers, or here and on another emulator, and where they part.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// The flags of a run, and --with NAME: what it is compared with: reference, qemu or bochs. Returns the
// process's exit status: 1 where they part, 124 where a limit ended the comparison.
int run_differ(std::span<const std::string_view> arguments);

}  // namespace ringside
