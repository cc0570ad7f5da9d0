// Owns what the VMX instructions do to VMX state, apart from their operands and privilege: the manual's "VMX
// Instruction Reference" and its conventions VMsucceed, VMfailInvalid, VMfailValid.
#pragma once

#include <optional>

#include "vmx/refusals.h"
#include "vmx/vmx.h"

namespace ringside {

// How a VMX instruction ended: the reason's row says whether it is VMfailInvalid by itself, or a number,
// which becomes VMfailValid if there is a current VMCS and VMfailInvalid otherwise. `operand` is VmRefusal's.
struct VmResult {
  bool ok = true;
  Refusal why = Refusal::none;
  u64 operand = 0;
  static VmResult success() { return {}; }
  static VmResult refuse(Refusal why, u64 operand = 0) { return {false, why, operand}; }
};

// Sets the arithmetic flags and the VM-instruction error field of the current VMCS: also for a VMREAD or
// VMWRITE in VMX non-root operation, which work on another one.
void conclude_failed(Cpu& cpu, const VmResult& result);
inline void conclude(Cpu& cpu, const VmResult& result) {
  if (result.ok) [[likely]]
    cpu.flags.set_image(0);
  else
    conclude_failed(cpu, result);
}

// Why a VMX instruction is #UD; `none` if it is not. `outside`: it works outside VMX operation (VMXON).
Refusal vmx_mode_refusal(const Cpu& cpu, bool outside);
// Why VMXON is #GP(0); `none` if it is not.
Refusal vmxon_refusal(const Cpu& cpu);
VmResult vmxon(Cpu& cpu, u64 pointer);
VmResult vmxoff(Cpu& cpu);
// `rip` and `count` are the instruction's, as vmwrite's.
VmResult vmclear(Cpu& cpu, u64 pointer, u64 rip = 0, u64 count = 0);
VmResult vmptrld(Cpu& cpu, u64 pointer);
u64 current_pointer(const Cpu& cpu);  // all ones: none

// The VMCS that VMREAD and VMWRITE work on: the current one; in VMX non-root operation the one that the VMCS
// link pointer names. nullptr: none.
Vmcs* accessed_vmcs(Cpu& cpu);
inline VmResult vmread(const Cpu& cpu, const Vmcs& vmcs, u64 encoding, u64& value) {
  const auto access = find_field(encoding);
  if (!access || !cpu.vmx->capability.has(access->field)) [[unlikely]]
    return VmResult::refuse(access ? Refusal::absent_field : Refusal::unknown_field, encoding);
  value = vmcs[access->field] >> (access->high ? 32 : 0);
  return VmResult::success();
}
// `rip` and `count` (retired instructions) are kept for the explanation.
VmResult vmwrite(Cpu& cpu, Vmcs& vmcs, u64 encoding, u64 value, u64 rip, u64 count);
// In VMX non-root operation: VMREAD (VMWRITE) of `encoding` exits. Fills the cause.
bool vmcs_access_exits(const Cpu& cpu, u64 encoding, bool write, ExitCause& cause);

// What VMLAUNCH and VMRESUME check before the VMCS's fields.
VmResult entry_preconditions(const Cpu& cpu, bool launch);

}  // namespace ringside
