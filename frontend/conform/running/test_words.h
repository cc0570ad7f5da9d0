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

// Seconds of the processor's time after which a run is asked to end; 0: never.
double host_limit(const Test& test, const Surroundings& around);
// Where the environment is put that the guest is handed. The file's name is a part of what the guest sees, so
// it depends on nothing but the text.
std::string environment_file(const Test& test, const Surroundings& around);

// Where the machine is saved that a fixture comes to: it follows from the fixture's words, not from the files
// that they name. `fixture_made` is beside it: what it was made of.
std::string fixture_file(const Test& fixture, const Surroundings& around);
std::string fixture_made(const Test& fixture, const Surroundings& around);
// A number for what a fixture is made of: its words, the files that they name, the emulator.
std::string fixture_sources(const Test& fixture, const Surroundings& around);

// The program first, then the test's flags, its limits and patterns; without what only the runner needs.
std::vector<std::string> command_of(const Test& test, const Surroundings& around);
// The same for a shell, with what a shell is to expand.
std::string command_text(const Test& test, const Surroundings& around);

// A place in a run, for the debugger to stop at.
struct PlaceInRun {
  u64 line = 0;          // of the output: where it is complete; 0: not by a line
  u64 instructions = 0;  // of all CPUs together; 0: where the machine ends by itself
};
PlaceInRun place_of(const TestResult& result);
// The words of the debugger that lead there, without the test's limits and patterns.
std::vector<std::string> debug_words(const Test& test, const Surroundings& around, const PlaceInRun& place);
std::string debug_text(const Test& test, const Surroundings& around, const PlaceInRun& place);

// The words as those of a process: through a shell where it is to expand some.
std::vector<std::string> process_words(const Test& test, std::vector<std::string> words);
// What the guest is handed as a file is there. False and one line in `error`.
bool put_environment(const Test& test, const Surroundings& around, std::string& error);

}  // namespace ringside::conform
