// Owns the keys of the keyboard by their names, and the keys that a text takes on a US layout.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "frontend/machine/input.h"
#include "frontend/screen/line_pattern.h"

namespace ringside {

// What is typed, one step after the other.
struct WaitSeconds {
  double seconds = 0;  // of virtual time
};
struct TakePicture {
  std::string file;
};
struct QuitRun {};
using TypedStep =
    std::variant<KeyStroke, PauseKey, MouseMove, WaitSeconds, LinePattern, TakePicture, QuitRun>;

// Letters as they are; \n, \t, \b, \e, \\ and \< ; <enter>, <f2>, <ctrl-alt-delete> and the like; <wait 2.5>
// in seconds of virtual time; <screen REGEX> waits until a line of the screen matches; <mouse RIGHT UP
// BUTTONS> moves the mouse (buttons: 1 left, 2 right, 4 middle; none if left out), <click> presses its left
// button and lets it go; <screenshot FILE> takes a picture, <quit> ends the run. nullopt and one line in
// `error`: it is none of these.
std::optional<std::vector<TypedStep>> parse_typed(std::string_view text, std::string& error);

// True: some step waits for what the screen shows, or takes a picture of it.
bool needs_screen(const std::vector<TypedStep>& steps);

// For help: the names, with blanks between.
std::string key_names();

}  // namespace ringside
