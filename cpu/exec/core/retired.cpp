// Owns the count of retired instructions: what the budget says of it.
#include "cpu/exec/core/retired.h"

#include "cpu/exec/core/block.h"

namespace ringside {

void end_run_at(Cpu& cpu, u64 instructions) {
  const s64 more = static_cast<s64>(instructions);
  if (more >= cpu.budget) return;
  cpu.engine->horizon -= cpu.budget - more;
  cpu.budget = more;
}

u64 retired(const Cpu& cpu) { return static_cast<u64>(cpu.engine->horizon - cpu.budget); }

}  // namespace ringside
