// Owns the debugger's commands about the screen, the keyboard and the mouse.
#include <fmt/format.h>

#include <array>
#include <limits>

#include "frontend/commands/commands_actions.h"
#include "frontend/screen/screen.h"

namespace ringside::act {

bool screen(Commands& c, std::string_view arguments) {
  Machine& machine = c.debugger().machine();
  if (!arguments.empty()) return c.fail("screen takes no arguments");
  const std::string mode = screen_mode(machine);
  if (mode.empty()) return c.fail("the machine has no screen; start it with -vga std");
  Sheet sheet("screen");
  sheet.row("mode").word("mode", mode);
  unsigned number = 0;
  for (const std::string& line : screen_lines(machine))
    sheet.row(fmt::format("row{}", number++)).say(line.empty() ? "" : "|").word("text", line);
  c.look(std::move(sheet));
  return true;
}

bool screenshot(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return c.fail("screenshot FILE writes a PNG file");
  return c.screenshot(arguments);
}

bool type(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return c.fail(fmt::format("type TEXT; keys are <NAME>: {}", key_names()));
  return c.type(arguments);
}

// "RIGHT UP [BUTTONS [WHEEL]]"
bool mouse(Commands& c, std::string_view arguments) {
  if (!c.takes_input()) return false;
  std::array<int, 4> numbers{};
  std::size_t given = 0;
  for (; given < numbers.size() && !arguments.empty(); ++given) {
    const std::string_view word = next_word(arguments);
    const bool negative = word.starts_with('-');
    const auto value = c.value(negative ? word.substr(1) : word);
    if (!value) return false;
    constexpr u64 most = std::numeric_limits<int>::max();
    if (*value > most) return c.fail(fmt::format("{}: too far for a mouse", word));
    numbers[given] = negative ? -static_cast<int>(*value) : static_cast<int>(*value);
  }
  if (given < 2 || !arguments.empty()) return c.fail("mouse RIGHT UP [BUTTONS [WHEEL]]");
  const MouseMove move{numbers[0], numbers[1], numbers[3], static_cast<u8>(numbers[2] & 7)};
  return c.debugger().machine().input(move) || c.fail("the machine has ended: nothing moves any more");
}

}  // namespace ringside::act
