// Owns the guest's view of control registers and MSRs.
#include "cpu/exec/system/guest_registers.h"

#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/core/privilege.h"
#include "cpu/exec/system/control_registers.h"
#include "cpu/state/msrs.h"
#include "vmx/apic_virtualization.h"
#include "vmx/intercepts.h"

namespace ringside {
namespace {

bool has(const Cpu& cpu, VmxControl control) { return cpu.vmx->controls.has(control); }

ExitCause by(VmxControl control) { return {ExitCause::Kind::control, control}; }

unsigned number_of(u8 gpr) { return gpr / 8; }

bool cr_exit(Cpu& cpu, const Op& op, unsigned cr, CrAccess access, u8 gpr, const ExitCause& cause) {
  return request_row_exit(cpu, op, cause, control_register_qualification(cr, access, number_of(gpr)));
}

}  // namespace

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
  if (msr_exits(cpu, number, false, cause)) return request_row_exit(cpu, op, cause);
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
  if (msr_exits(cpu, number, true, cause)) return request_row_exit(cpu, op, cause);
  const u64 value = edx_eax(cpu);
  switch (write_virtual_x2apic(cpu, number, value)) {
    case MsrAccess::done: return true;
    case MsrAccess::refused: return fail(cpu, Vector::GP);
    case MsrAccess::ordinary: break;
  }
  return write_msr(cpu, number, value, cpu.instruction_rip(op)) || fail(cpu, Vector::GP);
}

}  // namespace ringside
