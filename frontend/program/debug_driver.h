// Owns `ringside debug`: the machine of the flags with the debugger's console before it.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// The flags of a run, and -x FILE (a script, may be repeated), -ex COMMAND (one line of one), --batch (no
// console after them). Returns the process's exit status: of a script that failed not 0.
int run_debugger(std::span<const std::string_view> arguments);

}  // namespace ringside
