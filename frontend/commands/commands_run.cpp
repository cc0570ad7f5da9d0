// Owns the commands that let the machine run.
#include <fmt/format.h>

#include "cpu/exec/engine/run.h"
#include "frontend/commands/commands_actions.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/escapes.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/machine/state_file.h"

namespace ringside::act {
// What a stop shows: why, where, the source line, the next instruction.
bool stopped(Commands& c, const Stop& stop) {
  Sheet sheet = stop_sheet(stop);
  if (stop.kind != Stop::Kind::ended) {
    Cpu& cpu = c.debugger().cpu();
    sheet.section("next");
    if (const auto line = c.symbols().line(linear_rip(cpu), world_of(cpu))) {
      const std::string source = c.sources().line(line->file, line->line);
      if (!source.empty())
        sheet.row("source")
            .count("line", line->line, -6)
            .say("  ")
            .word("source", source)
            .to(Link::To::source, 0, line->text());
    }
    const DisassembledInstruction next = next_instruction(cpu, &c.symbols());
    Row& row = sheet.row("instruction").say("=> ").hex("address", next.address);
    row.to(Link::To::linear, next.address).say(": ").word("mnemonic", next.mnemonic).say(" ");
    row.word("operands", next.operands);
    if (!next.target.empty()) row.say("  <").word("target", next.target).say(">");
  }
  c.look(std::move(sheet));
  c.stopped(stop);
  return true;
}

std::optional<Symbols::Line> line_here(Commands& c) {
  const Cpu& cpu = c.debugger().cpu();
  auto line = c.symbols().line(linear_rip(cpu), world_of(cpu));
  if (line && line->line == 0) line.reset();
  return line;
}

namespace {

// To the next line of source. Where no line is known it is one instruction; a function without lines that is
// called on the way runs to its end.
Stop one_line(Commands& c, bool over) {
  // A loop of one line ends somewhere, or by Ctrl-C.
  constexpr unsigned most_instructions = 10'000'000;
  Debugger& d = c.debugger();
  const auto from = line_here(c);
  Stop stop;
  for (unsigned n = 0; n < most_instructions; ++n) {
    const u64 before = retired(d.cpu());
    const bool calls = !over && next_instruction(d.cpu(), nullptr).call;
    stop = over ? d.step_over() : d.step(1, Debugger::Rounds::together);
    if (stop.kind != Stop::Kind::step || !from || retired(d.cpu()) == before) return stop;
    auto now = line_here(c);
    if (!now && calls) {
      stop = d.step_out();
      if (stop.kind != Stop::Kind::step) return stop;
      now = line_here(c);
    }
    if (!now || now->line != from->line || now->file != from->file) return stop;
  }
  return stop;
}

}  // namespace

std::optional<u64> count_of(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return 1;
  const auto n = c.value(arguments);
  if (!n || static_cast<s64>(*n) >= 0) return n;
  c.fail(fmt::format("{}: is below 0; give how many instructions", arguments));
  return std::nullopt;
}

bool takes_nothing(Commands& c, std::string_view arguments) {
  return arguments.empty() || c.fail(fmt::format("{}: this command takes no arguments", arguments));
}

bool step(Commands& c, std::string_view arguments) {
  const auto n = count_of(c, arguments);
  if (!n) return false;
  if (!line_here(c)) return stopped(c, c.debugger().step(*n));
  Stop stop = c.debugger().here();
  for (u64 done = 0; done < *n; ++done) {
    stop = one_line(c, false);
    if (stop.kind != Stop::Kind::step) break;
  }
  return stopped(c, stop);
}

bool step_instruction(Commands& c, std::string_view arguments) {
  const auto n = count_of(c, arguments);
  return n && stopped(c, c.debugger().step(*n));
}

bool next(Commands& c, std::string_view arguments) {
  const auto n = count_of(c, arguments);
  if (!n) return false;
  Stop stop = c.debugger().here();
  for (u64 done = 0; done < *n; ++done) {
    stop = one_line(c, true);
    if (stop.kind != Stop::Kind::step) break;
  }
  return stopped(c, stop);
}

bool next_instruction_over(Commands& c, std::string_view arguments) {
  const auto n = count_of(c, arguments);
  if (!n) return false;
  Stop stop = c.debugger().here();
  for (u64 done = 0; done < *n; ++done) {
    stop = c.debugger().step_over();
    if (stop.kind != Stop::Kind::step) break;
  }
  return stopped(c, stop);
}

bool finish(Commands& c, std::string_view arguments) {
  return takes_nothing(c, arguments) && stopped(c, c.debugger().step_out());
}

bool until(Commands& c, std::string_view arguments) {
  // Bochs' "u /5" shows instructions.
  if (arguments.starts_with('/')) {
    std::string_view address = arguments.substr(1);
    const std::string_view count = next_word(address);
    return disassemble(c, fmt::format("{} {}", address.empty() ? "rip" : address, count));
  }
  const auto place = c.place(arguments);
  return place && takes_nothing(c, arguments) && stopped(c, c.debugger().run_until(*place));
}

bool resume(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return stopped(c, c.debugger().run());
  const auto n = count_of(c, arguments);
  return n && stopped(c, c.debugger().run(*n));
}

std::optional<RunTo> event_named(std::string_view name) {
  struct Row {
    std::string_view name;
    RunTo event;
  };
  constexpr Row rows[] = {{"exit", RunTo::vm_exit},        {"entry", RunTo::vm_entry},
                          {"interrupt", RunTo::interrupt}, {"exception", RunTo::exception},
                          {"ring", RunTo::ring_change},    {"mode", RunTo::mode_change},
                          {"vmexit", RunTo::vm_exit},      {"vmentry", RunTo::vm_entry}};
  for (const Row& row : rows) {
    if (row.name == name) return row.event;
  }
  return std::nullopt;
}

bool run_to(Commands& c, std::string_view arguments) {
  if (const auto event = event_named(arguments)) return stopped(c, c.debugger().run_to(*event));
  return c.fail(fmt::format("run-to {}: it is exit, entry, interrupt, exception, ring or mode", arguments));
}

Sheet cpus_sheet(Commands& c) {
  Debugger& d = c.debugger();
  Sheet sheet("cpus");
  sheet.section("cpus");
  for (unsigned n = 0; n < d.machine().cpus(); ++n) {
    Row& row = sheet.row().say(n == d.selected() ? "* " : "  ").word("where", d.where(n)).quiet("cpu", n);
    if (n == d.selected()) row.quiet("selected", 1);
  }
  return sheet;
}

bool cpu(Commands& c, std::string_view arguments) {
  Debugger& d = c.debugger();
  if (arguments.empty()) {
    c.look(cpus_sheet(c));
    return true;
  }
  const auto n = c.value(arguments);
  if (!n) return false;
  if (*n >= d.machine().cpus() || !d.select(static_cast<unsigned>(*n)))
    return c.fail(fmt::format("there is no CPU {}; they are 0 to {}", *n, d.machine().cpus() - 1));
  c.print(d.where());
  return true;
}

bool hold(Commands& c, std::string_view arguments) {
  Machine& machine = c.debugger().machine();
  const u32 everybody = (u32{1} << machine.cpus()) - 1;
  u32 held = machine.held_still() & everybody;
  if (arguments == "none") {
    held = 0;
  } else if (arguments == "others") {
    held = everybody & ~(u32{1} << c.debugger().selected());
  } else if (!arguments.empty()) {
    held = 0;
    while (!arguments.empty()) {
      const std::string_view word = next_word(arguments);
      const auto n = c.value(word);
      if (!n) return false;
      if (*n >= machine.cpus())
        return c.fail(fmt::format("there is no CPU {}; they are 0 to {}", *n, machine.cpus() - 1));
      held |= u32{1} << *n;
    }
    if (held == everybody) return c.fail("somebody must be left to run: hold others, or hold none");
  }
  machine.hold_still(held);
  if (held == 0) {
    c.print("no CPU is held still");
    return true;
  }
  std::string list;
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    if (held >> n & 1) list += fmt::format("{}{}", list.empty() ? "" : ", ", n);
  }
  c.print(fmt::format("held still: CPU {}; time passes for the others only as they run", list));
  return true;
}

bool restart(Commands& c, std::string_view arguments) {
  return takes_nothing(c, arguments) && c.restart() && stopped(c, c.debugger().here());
}

bool save(Commands& c, std::string_view path) {
  std::string error;
  Machine& machine = c.debugger().machine();
  if (path.empty()) return c.fail("save FILE writes the machine into a file; load FILE goes back to it");
  if (machine.ending().why != Ending::Why::running)
    return c.fail(fmt::format("the machine cannot go on from here ({}); restart, and save earlier",
                              machine.ending().reason));
  machine.drives().keep();  // what they hold now is what load comes back to
  if (!c.may_write(std::string(path), error) || !save_state_file(machine, std::string(path), error))
    return c.fail(error);
  c.print(fmt::format("saved {}: {} instructions", path, machine.retired()));
  return true;
}

bool load(Commands& c, std::string_view path) {
  if (path.empty()) return c.fail("load FILE goes to where save FILE, or the flag --save, was");
  return c.load(path) && stopped(c, c.debugger().here());
}

bool run(Commands& c, std::string_view arguments) {
  if (!takes_nothing(c, arguments)) return false;
  const bool fresh = c.debugger().machine().retired() == 0 && c.debugger().here().kind != Stop::Kind::ended;
  return (fresh || c.restart()) && stopped(c, c.debugger().run());
}

bool send(Commands& c, std::string_view text) {
  const auto bytes = unescaped(text);
  return bytes ? c.send(*bytes) : c.fail("behind \\x there are two hexadecimal digits, as in \\x1b");
}

}  // namespace ringside::act
