// Owns the commands that choose a frame of the stack, and those that run at each stop.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "frontend/commands/commands_actions.h"
#include "frontend/inspect/backtrace.h"

namespace ringside::act {
namespace {

std::optional<unsigned> decimal(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The rows of the CPU's own stack, inlined functions as frames of their own.
std::vector<Row> frames(Commands& c) {
  const Sheet all = backtrace_sheet(c.debugger().cpu(), c.symbols());
  return all.sections.empty() ? std::vector<Row>() : all.sections.front().rows;
}

bool choose(Commands& c, s64 number) {
  const std::vector<Row> all = frames(c);
  if (number < 0) return c.fail("this is the innermost frame");
  if (static_cast<u64>(number) >= all.size())
    return c.fail(fmt::format("there is no frame {}; backtrace shows all {}", number, all.size()));
  c.frame() = static_cast<unsigned>(number);
  c.listed() = {};
  Sheet sheet("frame");
  sheet.section("frame");
  sheet.sections.back().rows.push_back(all[static_cast<std::size_t>(number)]);
  c.look(std::move(sheet));
  return true;
}

}  // namespace

std::string frame_source(Commands& c) {
  const std::vector<Row> all = frames(c);
  if (c.frame() == 0 || c.frame() >= all.size()) return {};
  const Cell* source = all[c.frame()].find("source");
  return source ? source->text : std::string();
}

FrameState frame_state(Commands& c) {
  const Cpu& cpu = c.debugger().cpu();
  FrameState state;
  state.start = unwind_start(cpu);
  state.registers = registers_of(state.start);
  if (c.frame() == 0) return state;
  const std::vector<Row> rows = frames(c);
  if (c.frame() >= rows.size()) return state;
  const Cell* const rip = rows[c.frame()].find("rip");
  for (const StackFrame& frame : backtrace(cpu, state.start, c.symbols())) {
    if (!rip || frame.rip != rip->number) continue;
    // What callers held elsewhere is not known to be there still.
    state.registers = {};
    state.registers.value[UnwindRegisters::rsp] = frame.rsp;
    state.registers.value[UnwindRegisters::rbp] = frame.rbp;
    state.registers.value[UnwindRegisters::return_address] = frame.rip;
    state.start.rip = frame.found == StackFrame::Found::innermost ? frame.rip : frame.rip - 1;
    break;
  }
  return state;
}

bool frame(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return choose(c, c.frame());
  const auto number = decimal(arguments);
  if (!number) return c.fail(fmt::format("frame {}: frames have numbers; backtrace shows them", arguments));
  return choose(c, *number);
}

bool up(Commands& c, std::string_view arguments) {
  const auto count = arguments.empty() ? std::optional(1u) : decimal(arguments);
  return count ? choose(c, s64{c.frame()} + *count)
               : c.fail(fmt::format("up {}: how many frames?", arguments));
}

bool down(Commands& c, std::string_view arguments) {
  const auto count = arguments.empty() ? std::optional(1u) : decimal(arguments);
  return count ? choose(c, s64{c.frame()} - *count)
               : c.fail(fmt::format("down {}: how many frames?", arguments));
}

bool display(Commands& c, std::string_view arguments) {
  auto& all = c.displays();
  if (arguments.empty()) {
    if (all.empty()) c.print("nothing is displayed");
    for (const auto& one : all) c.print(fmt::format("{:>3}  {}", one.id, one.line));
    return true;
  }
  // "display/3i $pc" shows memory, "display rax" a value.
  std::string_view rest = arguments;
  const std::string_view format = arguments.starts_with('/') ? next_word(rest) : std::string_view();
  const bool memory = format.find_first_of("is0123456789") != format.npos;
  std::string line =
      fmt::format("{}{}{} {}", memory ? "x" : "print", format, "", format.empty() ? arguments : rest);
  const unsigned id = all.empty() ? 1 : all.back().id + 1;
  all.push_back({id, line});
  c.print(fmt::format("{} at each stop, number {}; now:", line, id));
  return memory ? examine(c, arguments) : print(c, arguments);
}

bool undisplay(Commands& c, std::string_view arguments) {
  auto& all = c.displays();
  if (arguments.empty()) {
    all.clear();
    return true;
  }
  const auto id = decimal(arguments);
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& one) { return id && one.id == *id; });
  if (found == all.end()) return c.fail(fmt::format("{}: nothing with this number is displayed", arguments));
  all.erase(found);
  return true;
}

bool commands(Commands& c, std::string_view arguments) {
  const auto& points = c.debugger().breakpoints();
  unsigned id = points.empty() ? 0 : points.back().id;
  if (!arguments.empty()) id = decimal(arguments).value_or(0);
  if (!c.debugger().find(id))
    return c.fail(arguments.empty() ? std::string("there is no breakpoint; set one first")
                                    : fmt::format("{}: there is no such breakpoint", arguments));
  c.collect(id);
  return true;
}

}  // namespace ringside::act
