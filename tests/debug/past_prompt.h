// Owns the debugger's prompt over a machine whose past is kept.
#pragma once

#include "frontend/replay/timeline.h"
#include "tests/debug/prompt.h"
#include "tests/machine/guest.h"

namespace ringside {

// The clock counts instructions, so that checkpoints lie where they lay before, whatever the host does.
inline Timeline::Plan plan_of(const Machine& machine) {
  Timeline::Plan plan;
  plan.clock = [&machine] { return static_cast<double>(machine.retired()) * 1e-5; };
  return plan;
}

struct PastPrompt : Prompt {
  std::string error;
  std::unique_ptr<Timeline> timeline;

  explicit PastPrompt(const std::string& rom = "visor", unsigned cpus = 1)
      : Prompt(rom, cpus), timeline(Timeline::create(*machine, plan_of(*machine), error)) {
    REQUIRE_MESSAGE(timeline, error);
    debugger.use_timeline(timeline.get());
  }
};

// The same over a tiny guest.
struct PastGuest : Guest {
  std::unique_ptr<Timeline> timeline;
  std::unique_ptr<Debugger> debugger;
  Symbols symbols;
  std::string output;
  std::unique_ptr<Commands> commands;

  // It stands before the code.
  explicit PastGuest(std::initializer_list<int> code) {
    for (const int byte : code) put(next++, static_cast<u64>(byte), 1);
    begin();
  }
  // Its memory is as somebody put it, and its past is known from here on.
  void begin() {
    timeline = Timeline::create(*machine, plan_of(*machine), error);
    REQUIRE_MESSAGE(timeline, error);
    debugger = std::make_unique<Debugger>(*machine);
    debugger->use_timeline(timeline.get());
    commands =
        std::make_unique<Commands>(*debugger, symbols, [this](std::string_view text) { output += text; });
  }
  std::string run(std::string_view line) {
    output.clear();
    CHECK_MESSAGE(commands->execute(line) == Commands::Result::done, line, ": ", output);
    return output;
  }
  std::string refused(std::string_view line) {
    output.clear();
    CHECK_MESSAGE(commands->execute(line) == Commands::Result::failed, line);
    CHECK_MESSAGE(std::count(output.begin(), output.end(), '\n') == 1, output);
    return output;
  }
};

}  // namespace ringside
