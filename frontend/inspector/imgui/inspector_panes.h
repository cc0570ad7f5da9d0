// Owns the inspector as the window's panes.
#pragma once

#include <memory>
#include <string>

#include "frontend/inspector/exchange.h"
#include "frontend/sdl/panes.h"

namespace ringside {

// `open`: from the start. nullptr and one line in `why`: this program was built without Dear ImGui.
std::unique_ptr<Panes> make_inspector(std::shared_ptr<Exchange> exchange, bool open, std::string& why);

}  // namespace ringside
