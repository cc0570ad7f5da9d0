// Owns the declarations of what the debugger's commands do; their rows are in commands_table.cpp.
#pragma once

#include "frontend/commands/commands.h"
#include "frontend/inspect/backtrace.h"
#include "frontend/symbols/unwind.h"

namespace ringside::act {

bool help(Commands&, std::string_view arguments);

// commands_run.cpp
bool step(Commands&, std::string_view arguments);
bool next(Commands&, std::string_view arguments);
bool step_instruction(Commands&, std::string_view arguments);
bool next_instruction_over(Commands&, std::string_view arguments);
bool finish(Commands&, std::string_view arguments);
bool until(Commands&, std::string_view arguments);
bool resume(Commands&, std::string_view arguments);
bool run_to(Commands&, std::string_view arguments);
bool cpu(Commands&, std::string_view arguments);
bool stopped(Commands&, const Stop&);               // shows it; true
std::optional<Symbols::Line> line_here(Commands&);  // of source; nullopt: none is known
// The count of a command that has one; 1 if there is none. A negative number is a slip, not a large one.
std::optional<u64> count_of(Commands&, std::string_view arguments);
bool takes_nothing(Commands&, std::string_view arguments);
std::optional<RunTo> event_named(std::string_view name);
Sheet cpus_sheet(Commands&);
bool hold(Commands&, std::string_view arguments);
bool restart(Commands&, std::string_view arguments);
bool save(Commands&, std::string_view arguments);
bool load(Commands&, std::string_view arguments);
bool run(Commands&, std::string_view arguments);
bool send(Commands&, std::string_view arguments);

// commands_past.cpp
bool reverse_step(Commands&, std::string_view arguments);
bool reverse_next(Commands&, std::string_view arguments);
bool reverse_step_instruction(Commands&, std::string_view arguments);
bool reverse_next_instruction(Commands&, std::string_view arguments);
bool reverse_finish(Commands&, std::string_view arguments);
bool reverse_continue(Commands&, std::string_view arguments);
bool reverse_to(Commands&, std::string_view arguments);
bool go_to(Commands&, std::string_view arguments);
bool bookmark(Commands&, std::string_view arguments);
bool last_exits(Commands&, std::string_view arguments);
bool when(Commands&, std::string_view arguments);
Sheet bookmarks_sheet(Commands&);
Sheet past_sheet(Commands&);

// commands_who.cpp
bool who(Commands&, std::string_view arguments);

// commands_breakpoints.cpp
bool set_breakpoint(Commands&, std::string_view arguments);
bool set_temporary(Commands&, std::string_view arguments);
bool watch_writes(Commands&, std::string_view arguments);
bool watch_reads(Commands&, std::string_view arguments);
bool watch_accesses(Commands&, std::string_view arguments);
bool catch_event(Commands&, std::string_view arguments);
bool condition(Commands&, std::string_view arguments);
bool ignore(Commands&, std::string_view arguments);
bool enable(Commands&, std::string_view arguments);
bool disable(Commands&, std::string_view arguments);
bool remove(Commands&, std::string_view arguments);
bool list_breakpoints(Commands&);
Sheet breakpoints_sheet(Commands&);

// commands_change.cpp
bool set(Commands&, std::string_view arguments);
bool echo(Commands&, std::string_view arguments);
bool source(Commands&, std::string_view arguments);

// commands_trace.cpp
bool trace(Commands&, std::string_view arguments);

// commands_print.cpp
constexpr u64 most_units = 100'000;
bool print(Commands&, std::string_view arguments);
bool examine(Commands&, std::string_view arguments);

// commands_look.cpp
bool information(Commands&, std::string_view arguments);
bool registers(Commands&, std::string_view arguments);
bool where(Commands&, std::string_view arguments);
bool explain(Commands&, std::string_view arguments);
bool pending(Commands&, std::string_view arguments);
bool vmcs(Commands&, std::string_view arguments);
bool walk(Commands&, std::string_view arguments);
bool disassemble(Commands&, std::string_view arguments);
bool symbols(Commands&, std::string_view arguments);
bool backtrace(Commands&, std::string_view arguments);

// commands_source.cpp
bool list(Commands&, std::string_view arguments);
bool directory(Commands&, std::string_view arguments);

// commands_stack.cpp
bool frame(Commands&, std::string_view arguments);
bool up(Commands&, std::string_view arguments);
bool down(Commands&, std::string_view arguments);
bool display(Commands&, std::string_view arguments);
bool undisplay(Commands&, std::string_view arguments);
bool commands(Commands&, std::string_view arguments);
// "file:line" of the chosen frame; empty: it is the innermost, or its line is not known.
std::string frame_source(Commands&);
// The registers of the chosen frame, as far as they are known.
struct FrameState {
  UnwindStart start;
  UnwindRegisters registers;
};
FrameState frame_state(Commands&);
// What the chosen frame can name.
CScope scope(Commands&);

// commands_screen.cpp
bool screen(Commands&, std::string_view arguments);
bool screenshot(Commands&, std::string_view arguments);
bool type(Commands&, std::string_view arguments);
bool mouse(Commands&, std::string_view arguments);

// commands_types.cpp
// The variables that the chosen frame can name.
std::vector<Symbols::Variable> variables(Commands&);
bool locals(Commands&, std::string_view arguments);
bool ptype(Commands&, std::string_view arguments);
bool whatis(Commands&, std::string_view arguments);

}  // namespace ringside::act
