// Owns the VMX instructions' work on regions, the current VMCS and its fields.
#include "vmx/instructions.h"

#include "cpu/state/msrs.h"

namespace ringside {
namespace {

// 4-KByte aligned, and no bit beyond the physical-address width.
bool region_address_ok(const Cpu& cpu, u64 pointer) {
  return !(pointer & (vmcs_bytes - 1)) && !(pointer >> cpu.vmx->capability.physical_bits);
}

u32 revision_at(Cpu& cpu, u64 pointer) {
  return static_cast<u32>(cpu.mmu.memory().read(HostPhys(pointer), 4));
}

}  // namespace

void conclude_failed(Cpu& cpu, const VmResult& result) {
  const bool valid = result.error != 0 && cpu.vmx->current != nullptr;
  if (valid) cpu.vmx->current->set(Field::VM_INSTRUCTION_ERROR, result.error);
  cpu.flags.set_image(valid ? Eflags::ZF : Eflags::CF);
  cpu.vmx->observers.tell([&](VmxObserver& o) { o.failed(cpu, valid ? result.error : 0); });
}

std::string_view vmx_mode_refusal(const Cpu& cpu, bool outside) {
  if (cpu.vmx == nullptr) return "the CPU model has no VMX";
  if (!(cpu.cr0 & Cr0::PE)) return "CR0.PE is 0: real-address mode";
  if (cpu.mode.v86) return "RFLAGS.VM is 1: virtual-8086 mode";
  if (cpu.mode.long_mode && !cpu.mode.bits64) return "CS.L is 0 in IA-32e mode: compatibility mode";
  if (outside && !(cpu.cr4 & Cr4::VMXE)) return "CR4.VMXE is 0";
  if (!outside && !cpu.vmx_operation) return "the CPU is not in VMX operation: no VMXON was executed";
  return {};
}

std::string_view vmxon_refusal(const Cpu& cpu) {
  const Capabilities& c = cpu.vmx->capability;
  const u64 wanted = FeatureControl::lock | FeatureControl::vmx_outside_smx;
  if (cpu.cpl > 0) return "CPL is not 0";
  if (c.cr0_fixed0() & ~cpu.cr0) return "CR0 lacks a bit that IA32_VMX_CR0_FIXED0 wants";
  if (cpu.cr0 & ~c.cr0_fixed1()) return "CR0 has a bit that IA32_VMX_CR0_FIXED1 forbids";
  if (c.cr4_fixed0() & ~cpu.cr4) return "CR4 lacks a bit that IA32_VMX_CR4_FIXED0 wants";
  if (cpu.cr4 & ~c.cr4_fixed1()) return "CR4 has a bit that IA32_VMX_CR4_FIXED1 forbids";
  if (!cpu.mmu.memory().a20()) return "the A20 gate is closed";
  if ((cpu.msr.feature_control & wanted) != wanted)
    return "IA32_FEATURE_CONTROL is not locked with VMX outside SMX enabled";
  return {};
}

VmResult vmxon(Cpu& cpu, u64 pointer) {
  if (cpu.vmx_operation) return VmResult::fail(VmError::vmxon_in_root);
  if (!region_address_ok(cpu, pointer) || revision_at(cpu, pointer) != vmcs_revision)
    return VmResult::invalid();
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
  if (!region_address_ok(cpu, pointer)) return VmResult::fail(VmError::vmclear_bad_address);
  if (HostPhys(pointer) == cpu.vmx->vmxon_region) return VmResult::fail(VmError::vmclear_vmxon_pointer);
  cpu.vmx->clear(cpu.mmu.memory(), HostPhys(pointer), rip, count);
  return VmResult::success();
}

VmResult vmptrld(Cpu& cpu, u64 pointer) {
  if (!region_address_ok(cpu, pointer)) return VmResult::fail(VmError::vmptrld_bad_address);
  if (HostPhys(pointer) == cpu.vmx->vmxon_region) return VmResult::fail(VmError::vmptrld_vmxon_pointer);
  const u32 revision = revision_at(cpu, pointer);
  const bool shadow = revision & shadow_indicator;
  if ((revision & ~shadow_indicator) != vmcs_revision ||
      (shadow && !cpu.vmx->capability.has(VmxControl::vmcs_shadowing)))
    return VmResult::fail(VmError::vmptrld_wrong_revision);
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
  if (!access || !capability.has(access->field)) return VmResult::fail(VmError::unsupported_field);
  const FieldInfo& field = info(access->field);
  if (field.kind() == FieldKind::exit_information && !capability.has(VmxControl::vmwrite_any_field))
    return VmResult::fail(VmError::read_only_field);
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
  if (current == nullptr || current->shadow) return VmResult::invalid();
  if (cpu.interrupt_shadow & Shadow::mov_ss) return VmResult::fail(VmError::blocked_by_mov_ss);
  if (launch && current->launched) return VmResult::fail(VmError::vmlaunch_not_clear);
  if (!launch && !current->launched) return VmResult::fail(VmError::vmresume_not_launched);
  return VmResult::success();
}

}  // namespace ringside
