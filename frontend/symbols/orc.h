// Owns the records of Linux's unwinder, ORC: how a stack looks at an address, also of code in assembly
// language, which has no DWARF.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

struct OrcEntry {
  // What sp and bp are reckoned from, in the kernel's numbers.
  enum class Base : u8 {
    undefined = 0,
    previous_sp = 1,
    dx = 2,
    di = 3,
    bp = 4,
    sp = 5,
    r10 = 6,
    r13 = 7,
    at_bp = 8,  // the word there
    at_sp = 9,
  };
  enum class Frame : u8 { none, end, call, registers, interrupt };
  s16 sp_offset = 0, bp_offset = 0;
  Base sp = Base::undefined, bp = Base::undefined;
  // registers: all of them lie at sp, as Linux's entry code saves them; interrupt: what the processor pushed.
  Frame frame = Frame::none;
};

// Sorted by address. Each entry holds up to the next one.
struct OrcTable {
  std::vector<u64> addresses;
  std::vector<OrcEntry> entries;

  std::optional<OrcEntry> find(u64 address) const;
};

// An entry as it stands in the file: 6 bytes. `header`: the kernel is of the kind that has .orc_header, 6.4
// and later, whose frames have other numbers.
OrcEntry orc_entry(std::span<const u8, 6> bytes, bool header);

}  // namespace ringside
