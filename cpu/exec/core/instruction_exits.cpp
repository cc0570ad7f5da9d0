// Owns the VM exits of instructions that need more than one control.
#include "cpu/exec/core/instruction_exits.h"

#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/core/instruction_information.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/core/privilege.h"
#include "cpu/state/msrs.h"
#include "vmx/intercepts.h"

namespace ringside {
namespace {

bool has(const Cpu& cpu, VmxControl control) { return cpu.vmx->controls.has(control); }

ExitCause by(VmxControl control) { return {ExitCause::Kind::control, control}; }

bool exit_with(Cpu& cpu, const Op& op, ExitReason reason, u64 qualification, const ExitCause& cause) {
  ExitInfo exit;
  exit.reason = reason;
  exit.qualification = qualification;
  exit.cause = cause;
  return request_exit(cpu, op, exit);
}

// As exits_by_control, with instruction information and the displacement as qualification.
bool described_exit(Cpu& cpu, const Op& op, VmxControl control, ExitReason reason) {
  return has(cpu, control) && !request_instruction_exit(cpu, op, reason, by(control));
}

bool enabled(Cpu& cpu, VmxControl control) { return has(cpu, control) || fail(cpu, Vector::UD); }

unsigned number_of(u8 gpr) { return gpr / 8; }

}  // namespace

bool port_exits(Cpu& cpu, const Op& op, u16 port, unsigned size, bool in, bool immediate) {
  ExitCause cause;
  if (!io_exits(cpu, port, size, cause)) return false;
  const IoAccess access{.port = port, .size = size, .in = in, .immediate = immediate};
  return !exit_with(cpu, op, ExitReason::io_instruction, io_qualification(access), cause);
}

bool string_port_exits(Cpu& cpu, const Op& op, u16 port, unsigned size, bool in, SegReg seg, u64 offset) {
  ExitInfo exit;
  if (!io_exits(cpu, port, size, exit.cause)) return false;
  exit.reason = ExitReason::io_instruction;
  const bool repeated = op.attrs & (OpAttr::rep | OpAttr::repne);
  exit.qualification =
      io_qualification({.port = port, .size = size, .in = in, .string = true, .repeated = repeated});
  if (cpu.vmx->capability.has(VmxControl::ins_outs_information))
    exit.instruction_information = instruction_information(cpu, op);
  const bool flat = cpu.mode.bits64 && seg != FS && seg != GS;
  exit.linear = flat ? offset : cpu.segment[seg].base + offset;
  if (!cpu.mode.bits64) exit.linear &= 0xffffffff;
  return !request_exit(cpu, op, exit);
}

bool random_exits(Cpu& cpu, const Op& op, bool seed) {
  return described_exit(cpu, op, seed ? VmxControl::rdseed_exiting : VmxControl::rdrand_exiting,
                        seed ? ExitReason::rdseed : ExitReason::rdrand);
}
bool table_access_exits(Cpu& cpu, const Op& op) {
  return described_exit(cpu, op, VmxControl::descriptor_table_exiting, ExitReason::gdtr_or_idtr_access);
}
bool system_segment_exits(Cpu& cpu, const Op& op) {
  return described_exit(cpu, op, VmxControl::descriptor_table_exiting, ExitReason::ldtr_or_tr_access);
}

bool debug_register_exits(Cpu& cpu, const Op& op, unsigned number, bool from, u8 gpr) {
  if (!has(cpu, VmxControl::mov_dr_exiting)) return false;
  return !exit_with(cpu, op, ExitReason::mov_dr, debug_register_qualification(number, from, number_of(gpr)),
                    by(VmxControl::mov_dr_exiting));
}

bool invlpg_exits(Cpu& cpu, const Op& op, u64 linear) {
  if (!has(cpu, VmxControl::invlpg_exiting)) return false;
  return !exit_with(cpu, op, ExitReason::invlpg, linear, by(VmxControl::invlpg_exiting));
}

bool pause_exits(Cpu& cpu, const Op& op) {
  ExitCause cause;
  if (!pause_exits(cpu, host_tsc(cpu), cause)) return false;
  return !exit_with(cpu, op, ExitReason::pause, 0, cause);
}

bool mwait_exits(Cpu& cpu, const Op& op) {
  if (!has(cpu, VmxControl::mwait_exiting)) return false;
  return !exit_with(cpu, op, ExitReason::mwait, cpu.monitor_armed, by(VmxControl::mwait_exiting));
}

bool user_wait_exits(Cpu& cpu, const Op& op, ExitReason reason) {
  return described_exit(cpu, op, VmxControl::rdtsc_exiting, reason);
}

bool user_wait_enabled(Cpu& cpu) { return enabled(cpu, VmxControl::user_wait); }
bool rdtscp_enabled(Cpu& cpu) { return enabled(cpu, VmxControl::rdtscp); }
bool invpcid_enabled(Cpu& cpu) { return enabled(cpu, VmxControl::invpcid); }
bool invpcid_exits(Cpu& cpu, const Op& op) {
  return described_exit(cpu, op, VmxControl::invlpg_exiting, ExitReason::invpcid);
}

bool may_use_supervisor_states(Cpu& cpu, const Op& op, bool restore) {
  if (!(cpu.cr4 & Cr4::OSXSAVE) || !has(cpu, VmxControl::xsaves)) return fail(cpu, Vector::UD);
  if (!require_privilege(cpu)) return false;
  ExitCause cause;
  if (!xss_exits(cpu, edx_eax(cpu), cause)) return true;
  return request_instruction_exit(cpu, op, restore ? ExitReason::xrstors : ExitReason::xsaves, cause);
}

}  // namespace ringside
