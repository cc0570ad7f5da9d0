// Owns the table of what the inspector can show: names, titles, and how the sheets are made. The window's
// panes, their order and the tests come from it.
#pragma once

#include <span>
#include <string_view>

#include "frontend/commands/commands.h"
#include "frontend/inspector/exchange.h"
#include "frontend/inspector/exit_list.h"

namespace ringside {

// What a view is made of; all of it belongs to the machine's thread.
struct Looking {
  Debugger& debugger;
  Symbols& symbols;
  Commands& commands;  // addresses are read as its commands read them
  const ExitList& exits;
  const Asked& asked;
  u64& code_from;  // where the disassembly began last, so that it stands still while the CPU walks through it
  // Why an address was not understood, by the last that was not.
  std::string& complaint;
};

struct ViewInfo {
  View view;
  std::string_view name;   // for programs
  std::string_view title;  // for people
  Sheet (*look)(Looking& looking);
  // What is different since the stop before is marked, where the same is asked.
  bool marks = false;
  // What else of the question the sheet depends on; nullptr: nothing.
  std::string (*about)(const Asked& asked) = nullptr;
};

std::span<const ViewInfo> view_table();  // in the order of `View`
const ViewInfo& info(View view);

// The instructions around an address, or around the CPU's next one, with labels, lines of source, and the
// breakpoints that stand at them.
Sheet code_sheet(Looking& looking);

}  // namespace ringside
