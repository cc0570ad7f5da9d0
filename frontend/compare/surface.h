// Owns the attack surface: which functions and lines of a hypervisor its guest made run.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "frontend/compare/measured.h"
#include "frontend/symbols/symbols.h"

namespace ringside::compare {

struct Surface {
  u64 bytes = 0;                         // of code that ran, in cache lines of 64 bytes, by linear address
  bool named = false, lined = false;     // there are symbols; there is line information
  std::vector<std::string> functions;    // that ran, sorted; those without a name are not among them
  u64 lines = 0;                         // of source, that ran
  u64 all_lines = 0, all_functions = 0;  // that have code, and functions that have lines: the trusted base
};

// `symbols` holds this part's files alone.
Surface surface(const std::unordered_set<u64>& code, const Symbols& symbols);

}  // namespace ringside::compare
