// Owns the declaration of the table of handlers.
#pragma once

#include <vector>

#include "cpu/exec/core/handlers.h"

namespace ringside {

// The handlers of every row, built once on first use and constant from then on.
const std::vector<Handlers>& all_handlers();

}  // namespace ringside
