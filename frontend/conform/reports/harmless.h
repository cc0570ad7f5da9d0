// Owns a guest's bytes as text for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace ringside::conform {

// UTF-8 and tabs as they are. Other control characters, which may be a terminal's commands, and bytes that
// are no UTF-8 stand as \xNN.
std::string harmless(std::string_view bytes);

}  // namespace ringside::conform
