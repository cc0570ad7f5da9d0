// Owns the commands that show variables and structures.
#include <fmt/format.h>

#include "frontend/inspect/backtrace.h"
#include "frontend/commands/commands_actions.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/symbols/unwind.h"

namespace ringside::act {

CScope scope(Commands& c) {
  const FrameState state = frame_state(c);
  CScope scope;
  scope.rip = state.start.rip;
  scope.world = state.start.world;
  scope.registers = state.registers;
  scope.read = [cpu = &c.debugger().cpu()](u64 address, unsigned size) {
    return peek_word(*cpu, AddressSpace::linear, address, size);
  };
  scope.cfa =
      canonical_frame(c.symbols().frames(scope.rip, scope.world), scope.registers, scope.rip, scope.read);
  return scope;
}

std::vector<Symbols::Variable> variables(Commands& c) {
  const CScope here = scope(c);
  return c.symbols().locals(here.rip, here.world, here.registers, here.cfa, here.read);
}

bool locals(Commands& c, std::string_view arguments) {
  if (!arguments.empty()) return c.fail("locals takes no arguments");
  const auto all = variables(c);
  if (all.empty()) return c.fail("no variables are known here; symbols FILE loads them, if it has DWARF");
  Sheet sheet("locals");
  sheet.section("variables");
  for (const Symbols::Variable& one : all)
    sheet.row(one.name)
        .word("type", one.type)
        .say(" ")
        .word("variable", one.name)
        .say(" = ")
        .word("value", one.value);
  c.look(std::move(sheet));
  return true;
}

bool whatis(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return c.fail("whatis EXPR: the expression is missing");
  std::string error;
  const auto value = c.expressions().evaluate_typed(arguments, error);
  if (!value) return c.fail(error);
  Sheet sheet("type");
  sheet.row(arguments).word("type", value->type ? c.expressions().type_text(*value) : "u64");
  c.look(std::move(sheet));
  return true;
}

bool ptype(Commands& c, std::string_view arguments) {
  std::string_view name = next_word(arguments);
  if (name == "struct" || name == "union" || name == "class") name = next_word(arguments);
  if (name.empty()) return c.fail("ptype TYPE: the name of a structure is missing");
  std::optional<u64> address;
  AddressSpace space = AddressSpace::linear;
  if (!arguments.empty()) {
    const auto place = c.place(arguments);
    if (!place) return false;
    if (!arguments.empty()) return c.fail(fmt::format("{}: not understood after the address", arguments));
    address = place->value;
    space = place->space;
  }
  const Cpu& cpu = c.debugger().cpu();
  const World world = space == AddressSpace::guest_linear ? World::non_root : World::any;
  const auto members = c.symbols().members(
      name, address, world, [&](u64 at, unsigned size) { return peek_word(cpu, space, at, size); });
  if (members.empty())
    return c.fail(
        fmt::format("{}: no such structure is known; symbols FILE loads types, if it has DWARF", name));
  Sheet sheet("type");
  sheet.section(name);
  for (const Symbols::Variable& one : members) {
    Row& row =
        sheet.row(one.name).say("  +").number("offset", one.offset, fmt::format("{:#x}", one.offset), 6);
    row.say(" ").word("type", one.type).say(" ").word("member", one.name);
    if (!one.value.empty()) row.say(" = ").word("value", one.value);
  }
  c.look(std::move(sheet));
  return true;
}

}  // namespace ringside::act
