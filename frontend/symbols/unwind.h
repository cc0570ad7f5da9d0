// Owns one step outward by call-frame information: rules as DWARF expressions over registers and memory.
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "frontend/symbols/symbols.h"

namespace ringside {

// A frame's registers in DWARF's numbering for x86-64; 16 is the return address.
struct UnwindRegisters {
  static constexpr unsigned return_address = 16, count = 17, rbp = 6, rsp = 7;
  std::array<std::optional<u64>, count> value;
};
// nullopt: there is no such memory.
using ReadStack = std::function<std::optional<u64>(u64 address, unsigned size)>;

// The caller's registers. nullopt: no information covers `rip`, or what it names is not there. `exact`: rip
// is an instruction that is about to run, not one behind a call.
std::optional<UnwindRegisters> unwind_by_information(const Symbols::Frames& frames,
                                                     const UnwindRegisters& inner, u64 rip, bool exact,
                                                     const ReadStack& read, bool& signal_frame);

// DWARF's canonical frame address at the innermost frame's next instruction.
std::optional<u64> canonical_frame(const Symbols::Frames& frames, const UnwindRegisters& registers, u64 rip,
                                   const ReadStack& read);
// By Linux's ORC, with the same results; nullopt: the end of the stack, or it is not there.
std::optional<UnwindRegisters> unwind_by_orc(const OrcEntry& entry, const UnwindRegisters& inner,
                                             const ReadStack& read, bool& signal_frame);

}  // namespace ringside
