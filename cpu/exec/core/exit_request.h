// Owns the way of a VM exit out of an instruction's body.
#pragma once

#include "cpu/state/cpu.h"
#include "vmx/vmx.h"

namespace ringside {

// What a body does before it returns false for a VM exit; nothing of the instruction may have been done.
// Always false, so that a body can return it.
inline bool request_exit(Cpu& cpu, const ExitInfo& exit) {
  cpu.vmx->exit = exit;
  cpu.chain_end = ChainEnd::exit;
  return false;
}
// For an instruction: with its length.
inline bool request_exit(Cpu& cpu, const Op& op, ExitInfo exit) {
  exit.instruction_length = op.length;
  return request_exit(cpu, exit);
}

}  // namespace ringside
