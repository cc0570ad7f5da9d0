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

// An instruction that exits if `control` is 1. True: the body has to return false.
inline bool exits_by_control(Cpu& cpu, const Op& op, VmxControl control, ExitReason reason) {
  if (!cpu.non_root || !cpu.vmx->controls.has(control)) [[likely]]
    return false;
  ExitInfo exit;
  exit.reason = reason;
  exit.cause = {ExitCause::Kind::control, control};
  return !request_exit(cpu, op, exit);
}
// An instruction that always exits in VMX non-root operation. True: the body has to return false.
inline bool exits_always(Cpu& cpu, const Op& op, ExitReason reason, u64 qualification = 0) {
  if (!cpu.non_root) [[likely]]
    return false;
  ExitInfo exit;
  exit.reason = reason;
  exit.qualification = qualification;
  return !request_exit(cpu, op, exit);
}

}  // namespace ringside
