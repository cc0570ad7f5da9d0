// Owns the search for the instruction where two runs of a test part.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontend/conform/running/test_words.h"

namespace ringside::conform {

struct Parting {
  // The first runs of so many instructions, of all CPUs together, that end in different states; 0: none was
  // found.
  u64 instructions = 0;
  std::string words;  // what is to be said of it, one line
};

// Runs the test twice to one count after another, between none and `most`, which bisects. It finds a place
// where two runs part; a test whose runs differ at random may have earlier ones. Statistics are put into
// files that begin with `scratch`. `stop` is asked ten times a second, and ends the search. `itself` is that
// of RunSettings.
Parting find_parting(const Test& test, const Surroundings& around, u64 most, const std::string& scratch,
                     const std::function<bool()>& stop,
                     const std::function<int(const std::vector<std::string>& words)>& itself);

}  // namespace ringside::conform
