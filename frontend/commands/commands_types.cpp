// Owns the commands that show variables and structures.
#include <fmt/format.h>

#include "frontend/inspect/backtrace.h"
#include "frontend/commands/commands_actions.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/symbols/unwind.h"

namespace ringside::act {

bool locals(Commands& c, std::string_view arguments) {
  if (!arguments.empty()) return c.fail("locals takes no arguments");
  const Cpu& cpu = c.debugger().cpu();
  const UnwindStart start = unwind_start(cpu);
  const ReadStack read = [&](u64 address, unsigned size) {
    return peek_word(cpu, AddressSpace::linear, address, size);
  };
  const UnwindRegisters registers = registers_of(start);
  const auto cfa = canonical_frame(c.symbols().frames(start.rip, start.world), registers, start.rip, read);
  const auto all = c.symbols().locals(start.rip, start.world, registers, cfa, read);
  if (all.empty()) return c.fail("no variables are known here; symbols FILE loads them, if it has DWARF");
  for (const Symbols::Variable& one : all) c.print(fmt::format("{} {} = {}", one.type, one.name, one.value));
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
  std::string text;
  for (const Symbols::Variable& one : members) {
    text += fmt::format("  +{:<#6x} {} {}", one.offset, one.type, one.name);
    text += one.value.empty() ? "\n" : fmt::format(" = {}\n", one.value);
  }
  c.print(text);
  return true;
}

}  // namespace ringside::act
