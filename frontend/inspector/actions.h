// Owns the table of what the inspector's buttons and keys do: each is an order to the machine's thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "frontend/inspector/exchange.h"

namespace ringside {

struct Action {
  // run_or_stop: what the machine does not do now. breakpoint: at the line that was chosen in the code, or at
  // the present instruction.
  enum class Kind : u8 { run_or_stop, command, breakpoint };
  std::string_view button;  // its label; empty: there is none
  unsigned function_key;    // F1 is 1
  bool shift, control;
  Kind kind;
  std::string_view line;  // of the debugger's
  std::string_view help;
  bool back = false;  // its button is beside the time line
};
std::span<const Action> action_table();

// "Shift-F11".
std::string key_name(const Action& action);
// nullptr: the key is none of the inspector's.
const Action* action_of_key(unsigned function_key, bool shift, bool control);
// `running`: as the looker knows it; `address`: what Kind::breakpoint means.
Order order_of(const Action& action, bool running, u64 address);

}  // namespace ringside
