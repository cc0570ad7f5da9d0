// Owns the list of the window's own keys.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

enum class WindowAct : u8 {
  help,
  inspector,
  grab,
  full_screen,
  zoom,
  smooth,
  pause,
  full_speed,
  screenshot,
  paste,
  quit
};

struct WindowKey {
  char letter;            // with Ctrl-Alt, at any time
  unsigned function_key;  // the same alone, while the guest has not grabbed the keyboard: 1 for F1; 0: none
  WindowAct act;
  std::string_view help;
};

std::span<const WindowKey> window_keys();
// `letter` as the key is labelled, in lower case.
std::optional<WindowAct> window_act(char letter);
std::optional<WindowAct> window_act_of_function_key(unsigned number);

// "Ctrl-Alt-H, F1".
std::string spelled(const WindowKey& key);
// A line for each, for people, with `indent` in front.
std::string window_keys_text(std::string_view indent = "");

}  // namespace ringside
