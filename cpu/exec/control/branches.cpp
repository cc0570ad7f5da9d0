// Owns the check of a near branch's target.
#include "cpu/exec/control/branches.h"

namespace ringside {

bool check_near_target(Cpu& cpu, u64 target) {
  const bool ok = cpu.mode.bits64 ? cpu.mmu.canonical(target) : target <= cpu.segment[CS].limit;
  if (!ok) cpu.raise(Vector::GP, 0);
  return ok;
}

}  // namespace ringside
