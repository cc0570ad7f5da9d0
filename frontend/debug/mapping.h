// Owns the question when an address was mapped first, asked of a machine's known past.
#pragma once

#include <optional>
#include <string>

#include "frontend/debug/debugger.h"

namespace ringside {

// By the paging structures that translate the address where it was asked, whatever used them before. An
// address is mapped where a read by a supervisor would find memory behind it, on all stages that it has.
struct Mapping {
  std::string through;  // "CR3 0x1000", "EPT_POINTER 0x2000", or both
  bool always = false;  // it was mapped already where the known past begins
  bool is_now = false;  // where it was asked
  // Writes that made it mapped: the first in the known past, and the last before where it was asked.
  std::optional<Debugger::Met> first, last;
  std::string why;  // one line: what could not be found out. Empty: all was looked through
};

// The machine stays where it is. nullopt: nothing translates such an address; `why` says in words.
std::optional<Mapping> when_mapped(Debugger& debugger, const Place& place, std::string& why);

}  // namespace ringside
