// Owns the VM exits of instructions that need more than one control.
#include "cpu/exec/core/instruction_exits.h"

#include "cpu/decode/rows.h"
#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/core/instruction_information.h"
#include "cpu/exec/core/operands.h"
#include "cpu/state/msrs.h"
#include "vmx/intercepts.h"

namespace ringside {
namespace {

bool has(const Cpu& cpu, VmxControl control) { return cpu.vmx->controls.has(control); }

ExitCause by(VmxControl control) { return {ExitCause::Kind::control, control}; }

// True: it exits; `cause` says by what.
bool row_exits(const Cpu& cpu, const Op& op, ExitCause& cause) {
  const RowExit& exit = rows()[op.row].exit;
  switch (exit.when) {
    case RowExit::When::never:
    case RowExit::When::depends: return false;
    case RowExit::When::always: return true;
    case RowExit::When::control: cause = by(exit.control); return has(cpu, exit.control);
  }
  return false;
}

bool enabled(Cpu& cpu, VmxControl control) { return has(cpu, control) || fail(cpu, Vector::UD); }

unsigned number_of(u8 gpr) { return gpr / 8; }

}  // namespace

bool request_row_exit(Cpu& cpu, const Op& op, const ExitCause& cause, u64 qualification) {
  ExitInfo exit;
  exit.reason = rows()[op.row].exit.reason;
  exit.qualification = qualification;
  exit.instruction_information = instruction_information(cpu, op);
  exit.cause = cause;
  return request_exit(cpu, op, exit);
}
bool request_row_exit(Cpu& cpu, const Op& op, const ExitCause& cause) {
  const bool informed = rows()[op.row].information.format != InformationFormat::absent;
  return request_row_exit(cpu, op, cause, informed ? displacement_qualification(cpu, op) : 0);
}

bool exits_by_row(Cpu& cpu, const Op& op) {
  ExitCause cause;
  return row_exits(cpu, op, cause) && !request_row_exit(cpu, op, cause);
}
bool exits_by_row(Cpu& cpu, const Op& op, u64 qualification) {
  ExitCause cause;
  return row_exits(cpu, op, cause) && !request_row_exit(cpu, op, cause, qualification);
}

bool port_exits(Cpu& cpu, const Op& op, u16 port, unsigned size, bool in, bool immediate) {
  ExitCause cause;
  if (!io_exits(cpu, port, size, cause)) return false;
  const IoAccess access{.port = port, .size = size, .in = in, .immediate = immediate};
  return !request_row_exit(cpu, op, cause, io_qualification(access));
}

bool string_port_exits(Cpu& cpu, const Op& op, u16 port, unsigned size, bool in, SegReg seg, u64 offset) {
  ExitInfo exit;
  if (!io_exits(cpu, port, size, exit.cause)) return false;
  exit.reason = rows()[op.row].exit.reason;
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

bool debug_register_exits(Cpu& cpu, const Op& op, unsigned number, bool from, u8 gpr) {
  return exits_by_row(cpu, op, debug_register_qualification(number, from, number_of(gpr)));
}

bool pause_exits(Cpu& cpu, const Op& op) {
  ExitCause cause;
  if (!pause_exits(cpu, host_tsc(cpu), cause)) return false;
  return !request_row_exit(cpu, op, cause);
}

bool user_wait_enabled(Cpu& cpu) { return enabled(cpu, VmxControl::user_wait); }
bool rdtscp_enabled(Cpu& cpu) { return enabled(cpu, VmxControl::rdtscp); }
bool invpcid_enabled(Cpu& cpu) { return enabled(cpu, VmxControl::invpcid); }

bool may_use_supervisor_states(Cpu& cpu, const Op& op) {
  if (!(cpu.cr4 & Cr4::OSXSAVE) || !has(cpu, VmxControl::xsaves)) return fail(cpu, Vector::UD);
  if (!has_privilege(cpu, op)) return false;
  ExitCause cause;
  if (!xss_exits(cpu, edx_eax(cpu), cause)) return true;
  return request_row_exit(cpu, op, cause);
}

}  // namespace ringside
