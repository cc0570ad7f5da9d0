// Owns the bodies of the VMX instructions: their conditions for #UD, #GP and VM exits, and their operands.
#pragma once

#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/core/privilege.h"
#include "vmx/instructions.h"
#include "vmx/invalidation.h"

namespace ringside {

// The conditions that VMX instructions share, in their order: #UD by mode, a VM exit in VMX non-root
// operation, #GP(0) above CPL 0. `outside`: allowed outside VMX operation (VMXON).
bool open_vmx_instruction(Cpu& cpu, const Op& op, bool outside = false);
// Raises the exception, and tells whoever listens why. Always false.
bool refuse_vmx_instruction(Cpu& cpu, Refusal why);
// The #UD conditions alone.
bool vmx_mode_ok(Cpu& cpu, bool outside);
// VMREAD and VMWRITE: as above, but with VMCS shadowing a guest's access may go through.
bool open_other_vmcs_access(Cpu& cpu, const Op& op, u64 encoding, bool write, Vmcs*& vmcs);
inline bool open_vmcs_access(Cpu& cpu, const Op& op, u64 encoding, bool write, Vmcs*& vmcs) {
  const bool ordinary = cpu.vmx_operation && !cpu.non_root && cpu.mode.bits64 && cpu.cpl == 0;
  if (!ordinary) [[unlikely]]
    return open_other_vmcs_access(cpu, op, encoding, write, vmcs);
  vmcs = cpu.vmx->current;
  return true;
}

// What VMREAD and VMWRITE answer without a VMCS to work on.
inline VmResult no_vmcs_to_access(const Cpu& cpu) {
  return VmResult::refuse(cpu.non_root ? Refusal::no_linked_vmcs : Refusal::no_current_vmcs);
}
// Each does its work and the flags; always true.
bool finish(Cpu& cpu, const VmResult& result);
// A VMREAD's or VMWRITE's failure.
bool finish_access(Cpu& cpu, const VmResult& result);
bool clear_vmcs(Cpu& cpu, const Op& op, u64 pointer);

template <class Source>
inline bool vmxon_instruction(Cpu& cpu, const Op& op) {
  u64 pointer;
  if (!open_vmx_instruction(cpu, op, true)) return false;
  // In VMX root operation it fails before its operand is read.
  if (cpu.vmx_operation) return finish(cpu, vmxon(cpu, 0));
  if (const Refusal why = vmxon_refusal(cpu); why != Refusal::none) return refuse_vmx_instruction(cpu, why);
  return Source::read(cpu, op, pointer) && finish(cpu, vmxon(cpu, pointer));
}

template <class Source>
inline bool vmclear_instruction(Cpu& cpu, const Op& op) {
  u64 pointer;
  return open_vmx_instruction(cpu, op) && Source::read(cpu, op, pointer) && clear_vmcs(cpu, op, pointer);
}

template <class Source>
inline bool vmptrld_instruction(Cpu& cpu, const Op& op) {
  u64 pointer;
  return open_vmx_instruction(cpu, op) && Source::read(cpu, op, pointer) &&
         finish(cpu, vmptrld(cpu, pointer));
}

template <class Destination>
inline bool vmptrst_instruction(Cpu& cpu, const Op& op) {
  return open_vmx_instruction(cpu, op) && Destination::write(cpu, op, current_pointer(cpu)) &&
         finish(cpu, VmResult::success());
}

// Outside 64-bit mode operands have 32 bits whatever the operand size is.
template <class Destination, class Encoding>
inline bool vmread_instruction(Cpu& cpu, const Op& op) {
  typename Encoding::Value encoding;
  Vmcs* vmcs = nullptr;
  u64 value = 0;
  if (!Encoding::read(cpu, op, encoding) || !open_vmcs_access(cpu, op, encoding, false, vmcs)) return false;
  const VmResult result = vmcs ? vmread(cpu, *vmcs, encoding, value) : no_vmcs_to_access(cpu);
  if (!result.ok) [[unlikely]]
    return finish_access(cpu, result);
  if (!Destination::write(cpu, op, static_cast<typename Destination::Value>(value))) [[unlikely]]
    return false;
  conclude(cpu, result);
  return true;
}

bool write_vmcs_field(Cpu& cpu, const Op& op, Vmcs& vmcs, u64 encoding, u64 value);

template <class Encoding, class Source>
inline bool vmwrite_instruction(Cpu& cpu, const Op& op) {
  typename Encoding::Value encoding;
  typename Source::Value value;
  Vmcs* vmcs = nullptr;
  if (!Encoding::read(cpu, op, encoding) || !open_vmcs_access(cpu, op, encoding, true, vmcs)) return false;
  if (vmcs == nullptr) return finish_access(cpu, no_vmcs_to_access(cpu));
  return Source::read(cpu, op, value) && write_vmcs_field(cpu, op, *vmcs, encoding, value);
}

bool invalidate_ept(Cpu& cpu, u64 type, const V128& descriptor);
bool invalidate_vpid(Cpu& cpu, u64 type, const V128& descriptor);
bool may_invalidate(Cpu& cpu, const Op& op, VmxControl instruction);
// VMfail for a type that the CPU does not have; always true.
bool refuse_invalidation(Cpu& cpu, VmxControl instruction, u64 type);

// The type is looked at before the descriptor is read, as the manual's operation sections say.
template <class Type, class Source>
inline bool invalidation_instruction(Cpu& cpu, const Op& op, VmxControl instruction,
                                     bool (*type_supported)(const Capabilities&, u64),
                                     bool (*invalidate)(Cpu&, u64, const V128&)) {
  typename Type::Value type;
  V128 descriptor;
  if (!may_invalidate(cpu, op, instruction) || !Type::read(cpu, op, type)) return false;
  if (!type_supported(cpu.vmx->capability, type)) return refuse_invalidation(cpu, instruction, type);
  return Source::read(cpu, op, descriptor) && invalidate(cpu, type, descriptor);
}
template <class Type, class Source>
inline bool invept_instruction(Cpu& cpu, const Op& op) {
  return invalidation_instruction<Type, Source>(cpu, op, VmxControl::invept, invept_type_supported,
                                                invalidate_ept);
}
template <class Type, class Source>
inline bool invvpid_instruction(Cpu& cpu, const Op& op) {
  return invalidation_instruction<Type, Source>(cpu, op, VmxControl::invvpid, invvpid_type_supported,
                                                invalidate_vpid);
}

bool vmxoff_instruction(Cpu& cpu, const Op& op);
bool vmlaunch(Cpu& cpu, const Op& op);
bool vmresume(Cpu& cpu, const Op& op);
bool vmcall(Cpu& cpu, const Op& op);
bool vmfunc(Cpu& cpu, const Op& op);

}  // namespace ringside
