// Owns the flags of QEMU's that Ringside does not have, and what to do instead.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringside {

// What is said of a flag that people will try: why it is not there, and the cure. nullopt: it is none of
// QEMU's, or it is there.
std::optional<std::string> absent_flag(std::string_view name);

}  // namespace ringside
