// Owns what a machine's screen shows, for people and for files.
#pragma once

#include <string>
#include <vector>

#include "devices/vga/picture.h"
#include "frontend/machine/machine.h"

namespace ringside {

// As it is now; blinking follows virtual time. Of 0 dots: there is no screen.
Picture screen_picture(Machine& machine);
// The rows of a text mode; empty: there is no screen, or it shows no text mode.
std::vector<std::string> screen_lines(Machine& machine);
// In words what is shown: "text, 80x25", "1280x800, 32 bits", "blank"; empty: there is no screen.
std::string screen_mode(Machine& machine);

// The bytes of a PNG file. Empty: the picture has no dots.
std::string png_of(const Picture& picture);

}  // namespace ringside
