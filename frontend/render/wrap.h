// Owns the fitting of text into a terminal's width.
#pragma once

#include <string>
#include <string_view>

namespace ringside {

// Lines that are longer than `width` characters are broken between words; what follows is set in by as much
// as the line was, and a little more. A word that is longer than a line is left whole. Escape sequences take
// no room, and of UTF-8 a character is one. 0: as it is.
std::string wrapped(std::string_view text, unsigned width);
// How many lines of a terminal of that width the line takes, at least 1.
unsigned rows_of(std::string_view line, unsigned width);

}  // namespace ringside
