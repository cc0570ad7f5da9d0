// Owns the word vga= of a Linux command line, which boot loaders act on before the kernel runs.
#pragma once

#include <optional>
#include <string_view>

#include "devices/vga/direct_boot.h"

namespace ringside {

// What goes into the setup header's vid_mode: the last vga= of the line, a number (0x: hexadecimal) or
// normal, ext or ask; 0xffff, "normal", without one or where it is none of these. Source: the kernel's "The
// Linux/x86 Boot Protocol", "Special Command Line Options".
u16 asked_vid_mode(std::string_view command_line);

// The mode that such a number stands for: VBE's numbers 100H to 11BH, to which Linux adds 200H. nullopt: a
// text mode, or one that the card does not have.
std::optional<LinearMode> linear_mode_of(u16 vid_mode);

}  // namespace ringside
