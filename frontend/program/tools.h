// Owns the door to the subcommands that a plain run has no use for: the debugger, suites of tests, and what
// packs or compares runs. A build says whether they are linked into the program or a module of it,
// ringside-tools.so.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/program/manual.h"
#include "frontend/program/replay_difference.h"

namespace ringside {

// Each takes the words behind its name and returns the process's exit status.
struct Tools {
  static constexpr const char *file = "ringside-tools.so", *symbol = "ringside_tools";
  using Words = std::span<const std::string_view>;
  int (*debug)(Words);
  int (*test)(Words, int (*itself)(Words));
  int (*course)(Words, int (*itself)(Words));
  int (*bundle)(Words, int (*itself)(Words));
  int (*merge)(Words);
  int (*coverage)(Words);
  int (*differ)(Words);
  int (*diff)(Words);
  int (*compare)(Words);
  std::vector<FlagHelp> (*test_flags)();
  decltype(&ringside::tell_replay_difference) tell_replay_difference;
};

// nullptr and one line in `error`: they are a module, which is not there or cannot be loaded.
const Tools* tools(std::string& error);

}  // namespace ringside
