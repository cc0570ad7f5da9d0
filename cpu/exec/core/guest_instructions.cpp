// Owns the VM exits of instructions that need more than one control, and the guest's view of control
// registers and MSRs.
#include "cpu/exec/core/guest_instructions.h"

#include "cpu/exec/core/operands.h"
#include "cpu/exec/system/control_registers.h"
#include "cpu/exec/core/privilege.h"
#include "cpu/exec/core/instruction_information.h"
#include "cpu/exec/core/exit_request.h"
#include "cpu/state/msrs.h"
#include "vmx/apic_virtualization.h"
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

bool cr_exit(Cpu& cpu, const Op& op, unsigned cr, CrAccess access, u8 gpr, const ExitCause& cause) {
  return exit_with(cpu, op, ExitReason::control_register_access,
                   control_register_qualification(cr, access, number_of(gpr)), cause);
}

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

bool guest_clts(Cpu& cpu, const Op& op) {
  ExitCause cause;
  switch (clts_effect(cpu, cause)) {
    case Clts::exits: return cr_exit(cpu, op, 0, CrAccess::clts, 0, cause);
    case Clts::clears: cpu.cr0 &= ~Cr0::TS; return true;
    case Clts::ignored: return true;
  }
  return true;
}

bool guest_lmsw(Cpu& cpu, const Op& op, u16 source, bool memory) {
  ExitInfo exit;
  if (lmsw_exits(cpu, source, exit.cause)) {
    exit.reason = ExitReason::control_register_access;
    exit.qualification = lmsw_qualification(memory, source);
    // The operand was read: its address is fine.
    if (memory && !memory_operand<Legacy>(cpu, op, 2, AccessKind::read, exit.linear)) return false;
    return request_exit(cpu, op, exit);
  }
  constexpr u64 clearable = Cr0::MP | Cr0::EM | Cr0::TS, settable = clearable | Cr0::PE;
  const u64 value = (cpu.cr0 & ~clearable) | (source & settable);
  return write_cr0(cpu, written_by_guest(value, cpu.cr0, cpu.vmx->controls.cr0_mask));
}

u64 guest_machine_status(const Cpu& cpu) { return guest_view_of_cr0(cpu); }

bool guest_mov_to_cr(Cpu& cpu, const Op& op, unsigned number, u64 value, u8 gpr) {
  const ActiveControls& c = cpu.vmx->controls;
  ExitCause cause;
  switch (number) {
    case 0:
      if (cr0_load_exits(cpu, value, cause)) return cr_exit(cpu, op, 0, CrAccess::to_cr, gpr, cause);
      return write_cr0(cpu, written_by_guest(value, cpu.cr0, c.cr0_mask));
    case 2: cpu.cr2 = value; return true;
    case 3:
      if (cr3_load_exits(cpu, value, cause)) return cr_exit(cpu, op, 3, CrAccess::to_cr, gpr, cause);
      return write_cr3(cpu, value);
    case 4:
      if (cr4_load_exits(cpu, value, cause)) return cr_exit(cpu, op, 4, CrAccess::to_cr, gpr, cause);
      return write_cr4(cpu, written_by_guest(value, cpu.cr4, c.cr4_mask));
    case 8:
      if (has(cpu, VmxControl::cr8_load_exiting))
        return cr_exit(cpu, op, 8, CrAccess::to_cr, gpr, by(VmxControl::cr8_load_exiting));
      if (!has(cpu, VmxControl::tpr_shadow)) return write_cr8(cpu, value);
      if (value & ~u64{0xf}) return fail(cpu, Vector::GP);
      set_virtual_task_priority(cpu, static_cast<u8>(value));
      return true;
    default: return fail(cpu, Vector::UD);
  }
}

bool guest_mov_from_cr(Cpu& cpu, const Op& op, unsigned number, u8 gpr, u64& value) {
  switch (number) {
    case 0: value = guest_view_of_cr0(cpu); return true;
    case 3:
      if (has(cpu, VmxControl::cr3_store_exiting))
        return cr_exit(cpu, op, 3, CrAccess::from_cr, gpr, by(VmxControl::cr3_store_exiting));
      break;
    case 4: value = guest_view_of_cr4(cpu); return true;
    case 8:
      if (has(cpu, VmxControl::cr8_store_exiting))
        return cr_exit(cpu, op, 8, CrAccess::from_cr, gpr, by(VmxControl::cr8_store_exiting));
      if (!has(cpu, VmxControl::tpr_shadow)) break;
      value = virtual_task_priority(cpu);
      return true;
    default: break;
  }
  value = read_control_register(cpu, number);
  return true;
}

bool guest_rdmsr(Cpu& cpu, const Op& op) {
  const u32 number = static_cast<u32>(cpu.gpr[RCX]);
  ExitCause cause;
  if (msr_exits(cpu, number, false, cause)) return exit_with(cpu, op, ExitReason::rdmsr, 0, cause);
  u64 value;
  if (read_virtual_x2apic(cpu, number, value) == MsrAccess::ordinary &&
      !read_msr(cpu, number, value, cpu.instruction_rip(op)))
    return fail(cpu, Vector::GP);
  set_edx_eax(cpu, value);
  return true;
}

bool guest_wrmsr(Cpu& cpu, const Op& op) {
  const u32 number = static_cast<u32>(cpu.gpr[RCX]);
  ExitCause cause;
  if (msr_exits(cpu, number, true, cause)) return exit_with(cpu, op, ExitReason::wrmsr, 0, cause);
  const u64 value = edx_eax(cpu);
  switch (write_virtual_x2apic(cpu, number, value)) {
    case MsrAccess::done: return true;
    case MsrAccess::refused: return fail(cpu, Vector::GP);
    case MsrAccess::ordinary: break;
  }
  return write_msr(cpu, number, value, cpu.instruction_rip(op)) || fail(cpu, Vector::GP);
}

}  // namespace ringside
