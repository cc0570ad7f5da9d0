// Owns what a run says about itself with --stats, as far as a suite wants it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cpu/arch/types.h"

namespace ringside::conform {

struct Statistics {
  std::string ending, reason, state_hash;
  double virtual_seconds = 0;
  u64 instructions = 0;
};

// nullopt: it is no such text.
std::optional<Statistics> parse_statistics(std::string_view text);

}  // namespace ringside::conform
