// Owns the words of the line below the guest's picture.
#pragma once

#include <string>
#include <vector>

#include "frontend/sdl/window.h"

namespace ringside {

// A word in a colour of its own says the same as its sign: the line can be read without colours.
struct StatusPart {
  enum class Look : u8 { plain, faint, root, guest, halted, paused, way_out };
  std::string text;
  Look look = Look::plain;
  bool operator==(const StatusPart&) const = default;
};

struct StatusLine {
  std::vector<StatusPart> left;
  StatusPart right;
};

// In at most `columns` letters, two of them for the sign in front of a part that is neither plain nor faint,
// and two between parts. What is least needed is left out first, the way out of a grab never.
StatusLine status_line(const WindowStatus& status, bool grabbed, unsigned columns);
unsigned columns_of(const StatusPart& part);

std::string window_title(const WindowStatus& status, bool grabbed);

}  // namespace ringside
