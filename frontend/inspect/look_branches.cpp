// Owns last branch records in words: the stack from its top, what its filters leave out, the last exception.
#include "frontend/inspect/look_branches.h"

#include <fmt/format.h>

#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/where.h"

namespace ringside {
namespace {

Row& add_branch(Row& row, const Cpu& cpu, u64 from, u64 to, const Symbols* symbols) {
  const World world = world_of(cpu);
  row.number("from", from, code_text(from, world, symbols)).to(Link::To::linear, from).say(" -> ");
  return row.number("to", to, code_text(to, world, symbols)).to(Link::To::linear, to);
}

// Records hold offsets: of the flags above them nothing is shown.
u64 offset_in(const Cpu& cpu, u64 source) {
  using Format = LastBranches::Format;
  const Format format = cpu.model->last_branches.format;
  const unsigned flags = format == Format::flags ? 1 : format == Format::transaction_flags ? 3 : 0;
  return static_cast<u64>(static_cast<s64>(source << flags) >> flags);
}

}  // namespace

Sheet branches_sheet(const Cpu& cpu, const Symbols* symbols) {
  Sheet sheet("lbr");
  sheet.section("lbr");
  const LastBranches stack = cpu.model ? cpu.model->last_branches : LastBranches{};
  if (stack.depth == 0) {
    sheet.row("absent").say("this CPU model has no last branch records");
    return sheet;
  }
  const Cpu::Msrs& m = cpu.msr;
  const bool on = m.debugctl & DebugControl::LBR;
  sheet.row("state")
      .say(fmt::format("last branch records, {} deep: ", stack.depth))
      .word("recording", on ? "on" : "off")
      .say(on ? "" : " (IA32_DEBUGCTL.LBR is 0)")
      .quiet("depth", stack.depth)
      .quiet("top", m.last_branch_top);
  if (m.last_branch_select)
    sheet.row("select")
        .say("MSR_LBR_SELECT leaves out: ")
        .names("filters", set_bits("MSR_LBR_SELECT", m.last_branch_select));

  bool any = false;
  sheet.section("records");
  for (unsigned age = 0; age < stack.depth; ++age) {
    const u64 n = (m.last_branch_top - age) & (stack.depth - 1u);
    const u64 from = offset_in(cpu, m.last_branch_from[n]), to = m.last_branch_to[n];
    if (from == 0 && to == 0) continue;
    any = true;
    Row& row = sheet.row("record").say("  ").count("age", age, -2).say("  ");
    add_branch(row, cpu, from, to, symbols);
    constexpr u64 cycles = 0xffff;
    if (stack.format == LastBranches::Format::information)
      row.say("  ").count("cycles", m.last_branch_info[n] & cycles).say(" cycles");
  }
  if (!any) sheet.row("empty").say("  nothing was recorded yet");
  if (m.last_exception_from || m.last_exception_to) {
    sheet.section("last_exception");
    Row& row = sheet.row("last_exception").say("before the last exception or interrupt: ");
    add_branch(row, cpu, offset_in(cpu, m.last_exception_from), m.last_exception_to, symbols);
  }
  return sheet;
}

}  // namespace ringside
