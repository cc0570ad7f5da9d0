// Owns the VMX instructions' work on regions, the current VMCS and its fields.
#include "vmx/instructions.h"

#include "cpu/state/msrs.h"

namespace ringside {
namespace {

// A region is 4-KByte aligned, and its address has no bit beyond the physical-address width.
bool unaligned(u64 pointer) { return pointer & (vmcs_bytes - 1); }
bool too_wide(const Cpu& cpu, u64 pointer) { return pointer >> cpu.vmx->capability.physical_bits; }

u32 revision_at(Cpu& cpu, u64 pointer) {
  return static_cast<u32>(cpu.mmu.memory().read(HostPhys(pointer), 4));
}

}  // namespace

void conclude_failed(Cpu& cpu, const VmResult& result) {
  const u8 error = cpu.vmx->current ? info(result.why).error : 0;
  if (error) cpu.vmx->current->set(Field::VM_INSTRUCTION_ERROR, error);
  cpu.flags.set_image(error ? Eflags::ZF : Eflags::CF);
  const VmRefusal refusal{result.why, error, result.operand};
  cpu.vmx->observers.tell([&](VmxObserver& o) { o.failed(cpu, refusal); });
}

Refusal vmx_mode_refusal(const Cpu& cpu, bool outside) {
  if (cpu.vmx == nullptr) return Refusal::no_vmx;
  if (!(cpu.cr0 & Cr0::PE)) return Refusal::real_address_mode;
  if (cpu.mode.v86) return Refusal::virtual_8086_mode;
  if (cpu.mode.long_mode && !cpu.mode.bits64) return Refusal::compatibility_mode;
  if (outside && !(cpu.cr4 & Cr4::VMXE)) return Refusal::vmxe_clear;
  if (!outside && !cpu.vmx_operation) return Refusal::not_in_vmx_operation;
  return Refusal::none;
}

Refusal vmxon_refusal(const Cpu& cpu) {
  const Capabilities& c = cpu.vmx->capability;
  if (cpu.cpl > 0) return Refusal::privilege;
  if (c.cr0_fixed0() & ~cpu.cr0) return Refusal::cr0_lacks;
  if (cpu.cr0 & ~c.cr0_fixed1()) return Refusal::cr0_forbidden;
  if (c.cr4_fixed0() & ~cpu.cr4) return Refusal::cr4_lacks;
  if (cpu.cr4 & ~c.cr4_fixed1()) return Refusal::cr4_forbidden;
  if (!cpu.mmu.memory().a20()) return Refusal::a20_closed;
  if (!(cpu.msr.feature_control & FeatureControl::lock)) return Refusal::feature_control_unlocked;
  if (!(cpu.msr.feature_control & FeatureControl::vmx_outside_smx))
    return Refusal::feature_control_without_vmx;
  return Refusal::none;
}

VmResult vmxon(Cpu& cpu, u64 pointer) {
  if (cpu.vmx_operation) return VmResult::refuse(Refusal::vmxon_in_root);
  if (unaligned(pointer)) return VmResult::refuse(Refusal::vmxon_unaligned, pointer);
  if (too_wide(cpu, pointer)) return VmResult::refuse(Refusal::vmxon_width, pointer);
  if (revision_at(cpu, pointer) != vmcs_revision) return VmResult::refuse(Refusal::vmxon_revision, pointer);
  cpu.vmx->reset();
  cpu.vmx->vmxon_region = HostPhys(pointer);
  cpu.vmx_operation = true;
  cpu.mmu.block_a20m(true);
  cpu.monitor_armed = false;
  return VmResult::success();
}

VmResult vmxoff(Cpu& cpu) {
  // What was active is written back, so that software that forgot VMCLEAR finds what it left.
  while (!cpu.vmx->active().empty()) cpu.vmx->release(cpu.mmu.memory());
  if (cpu.vmx->init_pending) cpu.attention |= Attention::init;
  cpu.vmx->reset();
  cpu.vmx_operation = false;
  cpu.mmu.block_a20m(false);
  cpu.monitor_armed = false;
  return VmResult::success();
}

VmResult vmclear(Cpu& cpu, u64 pointer, u64 rip, u64 count) {
  if (unaligned(pointer)) return VmResult::refuse(Refusal::vmclear_unaligned, pointer);
  if (too_wide(cpu, pointer)) return VmResult::refuse(Refusal::vmclear_width, pointer);
  if (HostPhys(pointer) == cpu.vmx->vmxon_region)
    return VmResult::refuse(Refusal::vmclear_vmxon_region, pointer);
  cpu.vmx->clear(cpu.mmu.memory(), HostPhys(pointer), rip, count);
  return VmResult::success();
}

VmResult vmptrld(Cpu& cpu, u64 pointer) {
  if (unaligned(pointer)) return VmResult::refuse(Refusal::vmptrld_unaligned, pointer);
  if (too_wide(cpu, pointer)) return VmResult::refuse(Refusal::vmptrld_width, pointer);
  if (HostPhys(pointer) == cpu.vmx->vmxon_region)
    return VmResult::refuse(Refusal::vmptrld_vmxon_region, pointer);
  const u32 revision = revision_at(cpu, pointer);
  const bool shadow = revision & shadow_indicator;
  if ((revision & ~shadow_indicator) != vmcs_revision)
    return VmResult::refuse(Refusal::vmptrld_revision, pointer);
  if (shadow && !cpu.vmx->capability.has(VmxControl::vmcs_shadowing))
    return VmResult::refuse(Refusal::vmptrld_shadow, pointer);
  cpu.vmx->current = &cpu.vmx->activate(cpu.mmu.memory(), HostPhys(pointer));
  cpu.vmx->current->shadow = shadow;
  return VmResult::success();
}

u64 current_pointer(const Cpu& cpu) { return cpu.vmx->current ? cpu.vmx->current->region.value : ~u64{0}; }

Vmcs* accessed_vmcs(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  if (!cpu.non_root) return vmx.current;
  const u64 link = (*vmx.current)[Field::VMCS_LINK_POINTER];
  if (link == ~u64{0}) return nullptr;
  // A shadow VMCS may be active on this processor by a VMPTRLD, too; both are the same data.
  Vmcs* const current = vmx.current;
  Vmcs& linked = vmx.activate(cpu.mmu.memory(), HostPhys(link));
  vmx.current = current;
  return &linked;
}

VmResult vmwrite(Cpu& cpu, Vmcs& vmcs, u64 encoding, u64 value, u64 rip, u64 count) {
  const auto access = find_field(encoding);
  const Capabilities& capability = cpu.vmx->capability;
  if (!access) return VmResult::refuse(Refusal::unknown_field, encoding);
  if (!capability.has(access->field)) return VmResult::refuse(Refusal::absent_field, encoding);
  const FieldInfo& field = info(access->field);
  if (field.kind() == FieldKind::exit_information && !capability.has(VmxControl::vmwrite_any_field))
    return VmResult::refuse(Refusal::read_only_field, encoding);
  // Outside 64-bit mode the operand has 32 bits, and a full access clears the upper half of a longer field.
  value &= field.value_mask();
  if (access->high) value = (vmcs[access->field] & 0xffffffff) | value << 32;
  vmcs.written(access->field, value, rip, count);
  return VmResult::success();
}

bool vmcs_access_exits(const Cpu& cpu, u64 encoding, bool write, ExitCause& cause) {
  const Vmx& vmx = *cpu.vmx;
  if (!vmx.controls.has(VmxControl::vmcs_shadowing)) {
    cause = {ExitCause::Kind::absent_control, VmxControl::vmcs_shadowing};
    return true;
  }
  constexpr u64 bitmap_bits = 0x7fff;
  cause = {ExitCause::Kind::vmcs_bitmap, VmxControl::vmcs_shadowing, encoding};
  if (encoding & ~bitmap_bits) return true;
  const HostPhys bitmap((*vmx.current)[write ? Field::VMWRITE_BITMAP : Field::VMREAD_BITMAP]);
  return cpu.mmu.memory().read(bitmap + encoding / 8, 1) >> (encoding % 8) & 1;
}

VmResult entry_preconditions(const Cpu& cpu, bool launch) {
  const Vmcs* current = cpu.vmx->current;
  if (current == nullptr) return VmResult::refuse(Refusal::no_current_vmcs);
  if (current->shadow) return VmResult::refuse(Refusal::shadow_is_current);
  if (cpu.interrupt_shadow & Shadow::mov_ss) return VmResult::refuse(Refusal::blocked_by_mov_ss);
  if (launch && current->launched) return VmResult::refuse(Refusal::launch_not_clear);
  if (!launch && !current->launched) return VmResult::refuse(Refusal::resume_not_launched);
  return VmResult::success();
}

}  // namespace ringside
