// Owns what two right processors may do differently: which of an instruction's results say nothing about who
// is wrong.
#pragma once

#include <string>

#include "frontend/inspect/disassembly.h"

namespace ringside {

struct MayDiffer {
  u64 flags = 0;  // of EFLAGS, that the manual's volume 2 leaves undefined
  // General registers and the arithmetic flags may, because they come from outside or from the clock; `why`
  // says so in words.
  bool results = false;
  std::string why;  // "RDTSC", "IN from port 0x40"
};

// Of the CPU's next instruction, which `insn` is.
MayDiffer may_differ(const Cpu& cpu, const DisassembledInstruction& insn);

}  // namespace ringside
