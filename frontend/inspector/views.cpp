// Owns the rows of the inspector's views.
#include "frontend/inspector/views.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "frontend/inspect/backtrace.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/look_paging.h"
#include "frontend/inspect/look_registers.h"
#include "frontend/inspect/look_vmcs.h"
#include "frontend/inspect/pending.h"

namespace ringside {
namespace {

Sheet words(std::string_view name, std::string_view text) {
  Sheet sheet(name);
  sheet.row().say(text);
  return sheet;
}

const Cpu& cpu(const Looking& l) { return l.debugger.cpu(); }

const Vmcs* current_vmcs(const Looking& l) { return cpu(l).vmx ? cpu(l).vmx->current : nullptr; }

constexpr std::string_view no_vmcs = "this CPU has no current VMCS: there was no VMPTRLD yet";

Sheet registers(Looking& l) { return registers_sheet(cpu(l), &l.symbols); }

Sheet more_registers(Looking& l) {
  Sheet all("more_registers");
  for (const Sheet& part : {msrs_sheet(cpu(l)), x87_sheet(cpu(l)), vector_sheet(cpu(l))}) all.add(part);
  return all;
}

Sheet stack(Looking& l) {
  constexpr unsigned shown = 64, word = 8;
  const Cpu& c = cpu(l);
  Sheet sheet = backtrace_sheet(c, l.symbols, 32);
  sheet.name = "stack";
  sheet.section("words");
  sheet.row().say("the stack's words, from RSP on:");
  const unsigned size = c.mode.code_bits == 64 ? word : c.mode.code_bits / 8;
  const u64 base = c.mode.bits64 ? 0 : c.segment[SS].base;
  sheet.add(memory_sheet(c, AddressSpace::linear, base + c.gpr[RSP], shown, size, &l.symbols));
  return sheet;
}

Sheet memory(Looking& l) {
  constexpr unsigned bytes = 1024;
  std::string_view rest = l.asked.memory;
  const auto place = l.commands.place(rest);
  if (!place) return words("memory", std::exchange(l.complaint, {}));
  const unsigned size = l.asked.memory_size;
  return memory_sheet(cpu(l), place->space, place->value, bytes / std::max(size, 1u), size, &l.symbols);
}

Sheet vmcs(Looking& l) {
  const Vmcs* const vmcs = current_vmcs(l);
  if (!vmcs) return words("vmcs", no_vmcs);
  VmcsTextOptions options;
  options.symbols = &l.symbols;
  options.machine = &l.debugger.machine();
  options.callers = &l.debugger.writers();
  options.area = l.asked.vmcs_area;
  return vmcs_sheet(cpu(l), *vmcs, options);
}

Sheet entry_check(Looking& l) {
  const Vmcs* const vmcs = current_vmcs(l);
  if (!vmcs) return words("entry_check", no_vmcs);
  return check_sheet(cpu(l), *vmcs, &l.symbols, &l.debugger.writers());
}

Sheet walk(Looking& l) {
  std::string_view rest = l.asked.walk;
  const auto place = l.commands.place(rest);
  if (!place) return words("walk", std::exchange(l.complaint, {}));
  switch (place->space) {
    case AddressSpace::linear: return walk_sheet(cpu(l), place->value);
    case AddressSpace::guest_linear: return guest_walk_sheet(cpu(l), place->value);
    case AddressSpace::guest_physical: return ept_walk_sheet(cpu(l), place->value);
    case AddressSpace::host_physical: break;
  }
  return words("walk", "a host-physical address needs no walk");
}

Sheet pages(Looking& l) { return sheet(mapped_pages(cpu(l)), "pages"); }
Sheet ept(Looking& l) { return sheet(mapped_ept(cpu(l)), "ept"); }

Sheet exits(Looking& l) {
  constexpr std::size_t shown = 500;
  return l.exits.list(shown);
}
Sheet exit(Looking& l) { return l.exits.explain(l.asked.exit); }

Sheet pending(Looking& l) { return pending_sheet(l.debugger.machine()); }

Sheet breakpoints(Looking& l) {
  Sheet sheet("breakpoints");
  sheet.section("breakpoints");
  if (l.debugger.breakpoints().empty())
    sheet.row().say("none; click beside an instruction, or: break ADDRESS, watch ADDRESS, catch exit");
  for (const Breakpoint& one : l.debugger.breakpoints()) {
    Row& row = sheet.row().count("id", one.id, -3).say(one.enabled ? "  " : "  off  ");
    row.word("what", describe(one));
    if (one.kind == Breakpoint::Kind::execute)
      row.quiet("address", one.at.value).to(Link::To::linear, one.at.value);
    if (!one.condition.empty()) row.say(" if ").word("condition", one.condition);
    if (one.hits) row.say(", hits: ").count("hits", one.hits);
    if (one.temporary) row.say(", once");
  }
  return sheet;
}

constexpr std::array<ViewInfo, view_count> views = {{
    {View::registers, "registers", "Registers", registers, true},
    {View::more_registers, "more_registers", "MSRs, x87, vectors", more_registers, true},
    {View::code, "code", "Code", code_sheet},
    {View::stack, "stack", "Stack", stack},
    {View::memory, "memory", "Memory", memory, true,
     [](const Asked& a) { return fmt::format("{} {}", a.memory, a.memory_size); }},
    {View::vmcs, "vmcs", "VMCS", vmcs, true, [](const Asked& a) { return a.vmcs_area; }},
    {View::entry_check, "entry_check", "VM-entry check", entry_check},
    {View::walk, "walk", "Walk", walk, true, [](const Asked& a) { return a.walk; }},
    {View::pages, "pages", "Page tables", pages, true},
    {View::ept, "ept", "EPT", ept, true},
    {View::exits, "exits", "VM exits", exits},
    {View::exit, "exit", "The VM exit", exit},
    {View::pending, "pending", "Pending", pending, true},
    {View::breakpoints, "breakpoints", "Breakpoints", breakpoints},
}};

constexpr bool in_order() {
  for (std::size_t n = 0; n < view_count; ++n)
    if (views[n].view != static_cast<View>(n)) return false;
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const ViewInfo> view_table() { return views; }
const ViewInfo& info(View view) { return views[static_cast<std::size_t>(view)]; }

}  // namespace ringside
