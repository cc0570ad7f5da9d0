// Owns the checks and the reach of INVEPT, INVVPID and EPTP switching.
#include "vmx/invalidation.h"

#include "vmx/ept.h"

namespace ringside {
namespace {

constexpr u64 invept_single_context = 1, invept_all_contexts = 2;
constexpr u64 invvpid_address = 0, invvpid_single_context = 1, invvpid_all_contexts = 2,
              invvpid_retaining_globals = 3;

}  // namespace

bool invept_type_supported(const Capabilities& capability, u64 type) {
  switch (type) {
    case invept_single_context: return capability.has(VmxControl::invept_single_context);
    case invept_all_contexts: return capability.has(VmxControl::invept_all_contexts);
    default: return false;
  }
}

bool invvpid_type_supported(const Capabilities& capability, u64 type) {
  switch (type) {
    case invvpid_address: return capability.has(VmxControl::invvpid_address);
    case invvpid_single_context: return capability.has(VmxControl::invvpid_single_context);
    case invvpid_all_contexts: return capability.has(VmxControl::invvpid_all_contexts);
    case invvpid_retaining_globals: return capability.has(VmxControl::invvpid_single_context_globals);
    default: return false;
  }
}

VmResult invept(Cpu& cpu, u64 type, u64 first, u64) {
  Vmx& vmx = *cpu.vmx;
  const u64 eptp = first;
  if (!invept_type_supported(vmx.capability, type)) return VmResult::refuse(Refusal::invept_type, type);
  if (type == invept_single_context && !eptp_refusal(vmx.capability, eptp).empty())
    return VmResult::refuse(Refusal::invept_pointer, eptp);
  if (vmx.ept) vmx.ept->flush();
  cpu.mmu.flush_second_stage(eptp, type == invept_all_contexts);
  return VmResult::success();
}

VmResult invvpid(Cpu& cpu, u64 type, u64 first, u64 second) {
  const u64 vpid = first, linear = second;
  if (!invvpid_type_supported(cpu.vmx->capability, type))
    return VmResult::refuse(Refusal::invvpid_type, type);
  if (vpid >> 16) return VmResult::refuse(Refusal::invvpid_reserved, vpid);
  if (type != invvpid_all_contexts && vpid == 0) return VmResult::refuse(Refusal::invvpid_zero, vpid);
  if (type == invvpid_address && !cpu.mmu.canonical(linear))
    return VmResult::refuse(Refusal::invvpid_address, linear);
  cpu.mmu.flush_vpid(static_cast<u16>(vpid), static_cast<unsigned>(type), LinAddr(linear));
  return VmResult::success();
}

void invalidate_for_transition(Cpu& cpu) {
  if (cpu.vmx->controls.has(VmxControl::vpid)) return;
  cpu.mmu.flush_vpid(0, static_cast<unsigned>(invvpid_single_context), LinAddr());
}

bool switch_ept_pointer(Cpu& cpu, u32 index) {
  constexpr u32 list_entries = 512;
  Vmx& vmx = *cpu.vmx;
  if (index >= list_entries || vmx.current == nullptr) return false;
  Vmcs& vmcs = *vmx.current;
  const u64 eptp = cpu.mmu.memory().read(HostPhys(vmcs[Field::EPTP_LIST_ADDRESS]) + u64{8} * index, 8);
  if (!eptp_refusal(vmx.capability, eptp).empty()) return false;
  vmcs.set(Field::EPT_POINTER, eptp);
  if (vmx.capability.has(VmxControl::ept_violation_ve)) vmcs.set(Field::EPTP_INDEX, index);
  Ept* const stage = prepare_ept(cpu);
  cpu.mmu.set_second_stage(stage, stage);
  return true;
}

}  // namespace ringside
