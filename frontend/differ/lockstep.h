// Owns the comparison of two machines that should do the same: where they part for the first time, and in
// what.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/machine/machine.h"
#include "frontend/inspect/sheet.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// One of the two. The machine outlives it.
struct Side {
  std::string name;  // "emitted", "reference"
  Machine& machine;
  // As Machine::run(). Without one it is that.
  std::function<void(u64 instructions)> run;
};

// What one says of a thing and the other does not.
struct DifferentValue {
  std::string what;  // "CPU 0 rax", "host-physical 0x8000", "vga.mode"
  std::string one, other;
};

struct Parting {
  static constexpr std::size_t most_values = 16;  // that are told
  u64 alike = 0;                                  // instructions of all CPUs after which both were the same
  unsigned cpu = 0;                               // whose turn it was
  std::string where;                              // before the instruction: CPU, mode, address, symbol
  std::string instruction;                        // that of this CPU, disassembled
  std::string mnemonic;  // in capitals, as the manual's volume 2 has it; empty: it could not be read
  std::vector<DifferentValue> values;  // the first of them
  u64 more_values = 0;                 // that are left out
};

struct Comparison {
  u64 instructions = 0;            // that were compared
  std::optional<Parting> parting;  // none: they did the same
  std::string ending;              // of both, in words; empty: the limit was reached
  std::string unit = "instructions";
  std::vector<std::string> remarks;  // what was not judged, a line each
  std::string failure;               // why there is no result, one line; empty: there is
};

// Runs both from where they stand, which is the same state, for `most` instructions or to their end. They are
// compared by their state, all of it, after more and more instructions; a difference is then looked for by
// halves, and one that has gone away before is not seen. `goes_on` is asked between; false: enough. A guest
// that writes to its disks is not followed back to before that.
Comparison run_in_lockstep(Side one, Side other, u64 most, const Symbols* symbols,
                           const std::function<bool()>& goes_on = {});

// What the manual's volume 2 calls an instruction that Capstone calls so: "Jcc", "JMP", "STOS". Empty for
// bytes that are none.
std::string manual_title(std::string_view mnemonic);

// In words, and for programs. The sides by their names.
Sheet comparison_sheet(const Comparison& comparison, std::string_view one, std::string_view other);

}  // namespace ringside
