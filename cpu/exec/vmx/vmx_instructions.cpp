// Owns the VMX instructions without operands, and what those with operands share.
#include "cpu/exec/vmx/vmx_instructions.h"

#include "cpu/exec/core/retired.h"
#include "cpu/exec/guest/vm_entry.h"
#include "cpu/state/observer.h"

namespace ringside {

bool refuse_vmx_instruction(Cpu& cpu, Refusal why) {
  if (cpu.vmx) cpu.vmx->observers.tell([&](VmxObserver& o) { o.faulted(cpu, {why}); });
  return fail(cpu, info(why).vector);
}

bool vmx_mode_ok(Cpu& cpu, bool outside) {
  const Refusal why = vmx_mode_refusal(cpu, outside);
  return why == Refusal::none || refuse_vmx_instruction(cpu, why);
}

namespace {

bool vmx_privilege_ok(Cpu& cpu) { return cpu.cpl == 0 || refuse_vmx_instruction(cpu, Refusal::privilege); }

// An instruction in the middle of a block that tells an observer of something runs alone: what the observer
// asks for (the count, a stop) is exact then. False: it comes again so.
bool alone(Cpu& cpu) {
  if (cpu.alone) return true;
  cpu.chain_end = ChainEnd::alone;
  return false;
}

}  // namespace

bool open_vmx_instruction(Cpu& cpu, const Op& op, bool outside) {
  // Whoever hears that it failed wants to know which instruction it was.
  if (cpu.vmx && cpu.vmx->observers) cpu.rip = cpu.instruction_rip(op);
  if (!vmx_mode_ok(cpu, outside)) return false;
  if (cpu.non_root) return request_row_exit(cpu, op);
  return vmx_privilege_ok(cpu);
}

bool open_other_vmcs_access(Cpu& cpu, const Op& op, u64 encoding, bool write, Vmcs*& vmcs) {
  const bool watched = cpu.observers || (cpu.vmx && cpu.vmx->observers);
  if (watched && !alone(cpu)) return false;
  if (!vmx_mode_ok(cpu, false)) return false;
  if (cpu.non_root) {
    ExitCause cause;
    if (vmcs_access_exits(cpu, encoding, write, cause)) return request_row_exit(cpu, op, cause);
  }
  if (!vmx_privilege_ok(cpu)) return false;
  vmcs = accessed_vmcs(cpu);
  return true;
}

bool finish(Cpu& cpu, const VmResult& result) {
  conclude(cpu, result);
  return true;
}

bool finish_access(Cpu& cpu, const VmResult& result) {
  if (cpu.vmx->observers && !alone(cpu)) return false;
  return finish(cpu, result);
}

bool clear_vmcs(Cpu& cpu, const Op& op, u64 pointer) {
  return finish(cpu, vmclear(cpu, pointer, cpu.instruction_rip(op), retired(cpu)));
}

bool write_vmcs_field(Cpu& cpu, const Op& op, Vmcs& vmcs, u64 encoding, u64 value) {
  const bool heard = cpu.observers.any([](const CpuObserver& o) { return o.hears_vmwrites(); });
  if (heard && !alone(cpu)) [[unlikely]]
    return false;
  // The block is charged as a whole; what follows the instruction in it has not retired.
  const u64 count = retired(cpu) - (op.left - 1u);
  const VmResult result = vmwrite(cpu, vmcs, encoding, value, cpu.instruction_rip(op), count);
  if (!result.ok) [[unlikely]]
    return finish_access(cpu, result);
  if (heard) [[unlikely]]
    cpu.observers.tell([&](CpuObserver& o) {
      if (o.hears_vmwrites()) o.vmcs_written(cpu, vmcs.region, encoding, value);
    });
  if (cpu.vmx->observers) [[unlikely]]
    cpu.vmx->observers.tell([&](VmxObserver& o) { o.written(cpu, vmcs, find_field(encoding)->field); });
  return finish(cpu, result);
}

bool vmxoff_instruction(Cpu& cpu, const Op& op) {
  return open_vmx_instruction(cpu, op) && finish(cpu, vmxoff(cpu));
}

bool vmcall(Cpu& cpu, const Op& op) {
  // A guest may say it in every mode and at every privilege.
  if (cpu.non_root) return request_row_exit(cpu, op);
  // In VMX root operation it would call a monitor of system-management mode, which does not exist here.
  return open_vmx_instruction(cpu, op) && finish(cpu, VmResult::refuse(Refusal::vmcall_in_root));
}

namespace {

bool launch_or_resume(Cpu& cpu, const Op& op, bool launch) {
  if (!open_vmx_instruction(cpu, op)) return false;
  const VmResult ready = entry_preconditions(cpu, launch);
  return ready.ok ? enter_and_inject(cpu, launch) : finish(cpu, ready);
}

}  // namespace

bool vmlaunch(Cpu& cpu, const Op& op) { return launch_or_resume(cpu, op, true); }
bool vmresume(Cpu& cpu, const Op& op) { return launch_or_resume(cpu, op, false); }

bool vmfunc(Cpu& cpu, const Op& op) {
  const u32 function = static_cast<u32>(cpu.gpr[RAX]), index = static_cast<u32>(cpu.gpr[RCX]);
  constexpr u32 functions = 64, eptp_switching = 0;
  if (!cpu.non_root || !cpu.vmx->controls.has(VmxControl::vm_functions) || function >= functions) {
    cpu.rip = cpu.instruction_rip(op);
    return refuse_vmx_instruction(cpu, !cpu.non_root           ? Refusal::vmfunc_outside_guest
                                       : function >= functions ? Refusal::vmfunc_number
                                                               : Refusal::vmfunc_disabled);
  }
  const bool enabled = (*cpu.vmx->current)[Field::VM_FUNCTION_CONTROLS] >> function & 1;
  if (enabled && function == eptp_switching && switch_ept_pointer(cpu, index)) return true;
  return request_row_exit(cpu, op, {ExitCause::Kind::control, VmxControl::vm_functions});
}

bool may_invalidate(Cpu& cpu, const Op& op, VmxControl instruction) {
  if (cpu.vmx == nullptr || !cpu.vmx->capability.has(instruction)) {
    cpu.rip = cpu.instruction_rip(op);
    return refuse_vmx_instruction(cpu, cpu.vmx ? Refusal::instruction_absent : Refusal::no_vmx);
  }
  return open_vmx_instruction(cpu, op);
}

bool refuse_invalidation(Cpu& cpu, VmxControl instruction, u64 type) {
  const bool ept = instruction == VmxControl::invept;
  return finish(cpu, VmResult::refuse(ept ? Refusal::invept_type : Refusal::invvpid_type, type));
}
bool invalidate_ept(Cpu& cpu, u64 type, const V128& descriptor) {
  return finish(cpu, invept(cpu, type, descriptor.q[0], descriptor.q[1]));
}
bool invalidate_vpid(Cpu& cpu, u64 type, const V128& descriptor) {
  return finish(cpu, invvpid(cpu, type, descriptor.q[0], descriptor.q[1]));
}

}  // namespace ringside
