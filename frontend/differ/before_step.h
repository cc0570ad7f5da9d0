// Owns what is known of a machine before a step, to judge the step by.
#pragma once

#include <optional>
#include <string>

#include "frontend/differ/may_differ.h"
#include "frontend/differ/own_side.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

struct Before {
  u64 address = 0;  // linear
  u64 rip = 0, rsp = 0, rcx = 0, flags = 0;
  std::string where;
  DisassembledInstruction insn;
  MayDiffer may;
  std::optional<u64> operand;  // physical
  bool operand_is_ram = true;
  bool waits = false;  // for an interrupt, halted
};

Before before_step(OwnSide& own, const Symbols* symbols);

}  // namespace ringside
