// Owns the ways out of a chain of handlers.
#include "cpu/exec/core/dispatch.h"

namespace ringside {

const Op* end_undone(Cpu& cpu, const Op* op) {
  cpu.budget += op->left;
  cpu.rip = cpu.instruction_rip(*op);
  cpu.engine->undone = op;
  return nullptr;
}

const Op* end_chain(Cpu& cpu, u64 rip, ChainEnd why) {
  cpu.rip = rip;
  cpu.chain_end = why;
  return &cpu.engine->exit.op;
}

bool check_branch_target(Cpu& cpu, const Op& op, u64& target) {
  // In 64-bit mode a near branch's operand is always 64 bits wide.
  if (cpu.mode.bits64) return true;
  target &= op.size == 2 ? 0xffff : 0xffffffff;
  if (target > cpu.segment[CS].limit) {
    cpu.raise(Vector::GP, 0);
    return false;
  }
  return true;
}

}  // namespace ringside
