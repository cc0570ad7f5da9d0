// Owns the way from SDL's scan codes, which are places on the keyboard, to those of a PC's keyboard.
#pragma once

#include <optional>

#include "frontend/machine/input.h"

namespace ringside {

// `usage` is SDL's scan code, which is the USB HID usage of keyboards. `down` of the answer is not set. A key
// that a PC's keyboard has not, and Pause, have none.
std::optional<KeyStroke> key_of_usage(unsigned usage);

}  // namespace ringside
