// Owns the table of the window's own keys.
#include "frontend/sdl/window_keys.h"

#include <fmt/format.h>

namespace ringside {
namespace {

constexpr WindowKey own_keys[] = {
    {'h', 1, WindowAct::help, "these keys, or no longer"},
    {'i', 2, WindowAct::inspector, "the inspector beside the screen, or no longer"},
    {'g', 0, WindowAct::grab, "mouse and all keys are the guest's, or no longer; a click does so, too"},
    {'p', 0, WindowAct::pause, "pause, or go on"},
    {'f', 0, WindowAct::full_screen, "full screen, or back"},
    {'z', 0, WindowAct::zoom, "as large again, twice, three times ... and back to once"},
    {'t', 0, WindowAct::smooth, "smooth scaling, or crisp"},
    {'u', 0, WindowAct::full_speed, "as fast as the host can, or at the pace of real time"},
    {'s', 0, WindowAct::screenshot, "a picture of the screen, screenshot-N.png"},
    {'v', 0, WindowAct::paste, "type what the clipboard holds"},
    {'q', 0, WindowAct::quit, "end the run; closing the window presses the power button first"},
};

}  // namespace

std::span<const WindowKey> window_keys() { return own_keys; }

std::optional<WindowAct> window_act(char letter) {
  for (const WindowKey& key : own_keys) {
    if (key.letter == letter) return key.act;
  }
  return std::nullopt;
}

std::optional<WindowAct> window_act_of_function_key(unsigned number) {
  for (const WindowKey& key : own_keys) {
    if (number != 0 && key.function_key == number) return key.act;
  }
  return std::nullopt;
}

std::string spelled(const WindowKey& key) {
  std::string text = fmt::format("Ctrl-Alt-{}", static_cast<char>(key.letter - 'a' + 'A'));
  if (key.function_key != 0) text += fmt::format(", F{}", key.function_key);
  return text;
}

std::string window_keys_text(std::string_view indent) {
  std::string text;
  for (const WindowKey& key : own_keys) text += fmt::format("{}{:<16}{}\n", indent, spelled(key), key.help);
  return text;
}

}  // namespace ringside
