// Owns the rows of the inspector's buttons and keys, which are those of other debuggers where they have one.
#include "frontend/inspector/actions.h"

#include <fmt/format.h>

#include <array>

namespace ringside {
namespace {

using Does = Action::Kind;

constexpr std::array actions = {
    Action{"Run", 5, false, false, Does::run_or_stop, "",
           "run until something stops it; while it runs: stop"},
    Action{"", 6, false, false, Does::run_or_stop, "", "the same"},
    Action{"Step", 11, false, false, Does::command, "stepi", "one instruction"},
    Action{"Over", 10, false, false, Does::command, "nexti", "one instruction; calls run to their end"},
    Action{"Out", 11, true, false, Does::command, "finish", "until the function has returned"},
    Action{"Line", 11, false, true, Does::command, "step", "to the next line of source"},
    Action{"", 10, false, true, Does::command, "next", "to the next line of source; calls run to their end"},
    Action{"To exit", 7, false, false, Does::command, "run-to exit", "to the next VM exit"},
    Action{"To entry", 8, false, false, Does::command, "run-to entry", "to the next VM entry"},
    Action{"", 9, false, false, Does::breakpoint, "",
           "a breakpoint at the line that was clicked, or at the present instruction; or it goes away"},
    Action{"<< Run", 5, true, true, Does::command, "reverse-continue",
           "back to the breakpoint or watchpoint before here, or to the beginning", true},
    Action{"< Step", 11, true, true, Does::command, "reverse-stepi", "one instruction back", true},
    Action{"< Over", 10, true, true, Does::command, "reverse-nexti",
           "one instruction back; calls are passed over", true},
    Action{"< Exit", 7, true, true, Does::command, "reverse-to exit", "back to the VM exit before here",
           true},
    Action{"< Entry", 8, true, true, Does::command, "reverse-to entry", "back to the VM entry before here",
           true},
    Action{"Present >>", 6, true, true, Does::command, "goto end",
           "to the present, where new input is taken again", true},
};

}  // namespace

std::span<const Action> action_table() { return actions; }

std::string key_name(const Action& action) {
  return fmt::format("{}{}F{}", action.control ? "Ctrl-" : "", action.shift ? "Shift-" : "",
                     action.function_key);
}

const Action* action_of_key(unsigned function_key, bool shift, bool control) {
  for (const Action& one : actions)
    if (one.function_key == function_key && one.shift == shift && one.control == control) return &one;
  return nullptr;
}

Order order_of(const Action& action, bool running, u64 address) {
  switch (action.kind) {
    case Does::run_or_stop: return {running ? Order::Kind::stop : Order::Kind::run};
    case Does::breakpoint: return {Order::Kind::breakpoint, {}, address};
    case Does::command: break;
  }
  return {Order::Kind::command, std::string(action.line)};
}

}  // namespace ringside
