// Owns the command line that a test's run is.
#pragma once

#include <string>
#include <vector>

#include "frontend/conform/suites/test.h"

namespace ringside::conform {

// What the caller of a run adds to a test's own flags.
struct Surroundings {
  std::string program;                  // the emulator
  std::optional<double> host_seconds;   // in place of each test's own limit; 0: no limit
  std::vector<std::string> more_words;  // flags of every run
  std::string cache;                    // a folder for what outlives the call; empty: the temporary one
};

// Host seconds after which a run ends itself; 0: none.
double host_limit(const Test& test, const Surroundings& around);
// Where the environment is put that the guest is handed. Its name is a part of what the guest sees, so it
// depends on nothing but the text and the folder.
std::string environment_file(const Test& test, const Surroundings& around);

// The program first, then the test's flags, its limits and patterns; without what only the runner needs.
std::vector<std::string> command_of(const Test& test, const Surroundings& around);
// The same for a shell, with what a shell is to expand.
std::string command_text(const Test& test, const Surroundings& around);

}  // namespace ringside::conform
