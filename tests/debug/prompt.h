// Owns the debugger's prompt of the tests: one line in, its words out.
#pragma once

#include <algorithm>
#include <initializer_list>

#include "frontend/commands/commands.h"
#include "tests/debug/visor_machine.h"

namespace ringside {

struct Prompt : VisorMachine {
  using VisorMachine::VisorMachine;
  Debugger debugger{*machine};
  std::string output;
  Commands commands{debugger, symbols, [this](std::string_view text) { output += text; }};

  // What the line prints.
  std::string run(std::string_view line) {
    output.clear();
    CHECK_MESSAGE(commands.execute(line) == Commands::Result::done, line, ": ", output);
    return output;
  }
  std::string refused(std::string_view line) {
    output.clear();
    CHECK_MESSAGE(commands.execute(line) == Commands::Result::failed, line);
    CHECK_MESSAGE(std::count(output.begin(), output.end(), '\n') == 1, output);
    return output;
  }
};

}  // namespace ringside
