// Owns sheets as text for a terminal.
#pragma once

#include <string>

#include "frontend/inspect/sheet.h"

namespace ringside {

// A line for each row, without colours: `colour` sets what has changed in bold.
std::string text(const Sheet& sheet, bool colour = false);

}  // namespace ringside
