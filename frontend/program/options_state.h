// Owns the flags that a saved machine brings along.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "frontend/program/options.h"

namespace ringside {

// After --load: the machine's flags that were not `given` (names without dashes) are taken from the file.
// False: `error`.
bool take_saved_flags(Parsed& parsed, std::span<const std::string_view> given, std::string& error);

// How many the saved machine has.
std::size_t saved_serial_ports(const StateDescription& saved);

}  // namespace ringside
