// Owns what is more than one instruction of VMX: words for failures, VMXON with its conditions, the host's
// state.
#include "roms/kit/vmx.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"

extern "C" kit::u64 kit_enter_guest(kit::Registers* registers, kit::u64 launched);

namespace kit {

Failure failure_of(bool carry, bool zero) {
  if (carry) return "VMfailInvalid: there is no current VMCS";
  return zero ? instruction_error_name(vmread(VM_INSTRUCTION_ERROR)) : nullptr;
}

u64 vmread(u64 field) {
  u64 value;
  bool carry, zero;
  asm volatile("vmread %3, %0" : "=r"(value), "=@ccc"(carry), "=@ccz"(zero) : "r"(field));
  if (carry || zero) stop("VMREAD failed: field ", hex(field));
  return value;
}

void vmwrite(u64 field, u64 value) {
  bool carry, zero;
  asm volatile("vmwrite %3, %2" : "=@ccc"(carry), "=@ccz"(zero) : "r"(field), "r"(value) : "memory");
  if (carry || zero) stop("VMWRITE failed: field ", hex(field), ", ", failure_of(carry, zero));
}

Failure invept(Invalidation type, u64 eptp) {
  const u64 descriptor[2] = {eptp, 0};
  bool c, z;
  asm volatile("invept %2, %3" : "=@ccc"(c), "=@ccz"(z) : "m"(descriptor), "r"(type) : "memory");
  return failure_of(c, z);
}

Failure invvpid(Invalidation type, u16 vpid, u64 address) {
  const u64 descriptor[2] = {vpid, address};
  bool c, z;
  asm volatile("invvpid %2, %3" : "=@ccc"(c), "=@ccz"(z) : "m"(descriptor), "r"(type) : "memory");
  return failure_of(c, z);
}

u32 control_value(u32 wanted, u32 msr, const char* name) {
  const u64 allowed = rdmsr(msr);
  const u32 must = static_cast<u32>(allowed), may = static_cast<u32>(allowed >> 32);
  if (wanted & ~may)
    stop("this CPU has not all ", name, " controls: bits ", hex(wanted & ~may), " cannot be 1");
  return wanted | must;
}

u64 make_vmx_region() {
  const u64 region = allocate_page();
  *at<u32>(region) = static_cast<u32>(rdmsr(IA32_VMX_BASIC)) & 0x7fffffff;
  return region;
}

void enter_vmx_operation() {
  if (!(cpuid(1).ecx & bit(5))) stop("this CPU has no VMX: CPUID.1:ECX.VMX is 0");
  constexpr u64 locked = 1, outside_smx = 4;
  const u64 control = rdmsr(IA32_FEATURE_CONTROL);
  if (!(control & locked)) wrmsr(IA32_FEATURE_CONTROL, control | locked | outside_smx);
  if (!(rdmsr(IA32_FEATURE_CONTROL) & outside_smx))
    stop("the firmware has forbidden VMX: IA32_FEATURE_CONTROL is locked");
  // A 1 in the FIXED0 MSR must be 1, a 0 in FIXED1 must be 0. CR4.VMXE is one of the former.
  write_cr0((read_cr0() | rdmsr(IA32_VMX_CR0_FIXED0)) & rdmsr(IA32_VMX_CR0_FIXED1));
  write_cr4((read_cr4() | rdmsr(IA32_VMX_CR4_FIXED0)) & rdmsr(IA32_VMX_CR4_FIXED1));
  if (Failure failure = vmxon(make_vmx_region())) stop("VMXON failed: ", failure);
}

Failure enter_guest(Registers& registers, bool launched) {
  const u64 flags = kit_enter_guest(&registers, launched);
  return failure_of(flags & RFLAGS::CF, flags & RFLAGS::ZF);
}

void write_host_state() {
  vmwrite(HOST_CR0, read_cr0());
  vmwrite(HOST_CR3, read_cr3());
  vmwrite(HOST_CR4, read_cr4());
  // An exit loads selectors, but no descriptors: bases, limits and rights are the fields below, or fixed.
  vmwrite(HOST_CS_SELECTOR, kernel_code);
  vmwrite(HOST_SS_SELECTOR, kernel_data);
  vmwrite(HOST_DS_SELECTOR, kernel_data);
  vmwrite(HOST_ES_SELECTOR, kernel_data);
  vmwrite(HOST_FS_SELECTOR, kernel_data);
  vmwrite(HOST_GS_SELECTOR, kernel_data);
  vmwrite(HOST_TR_SELECTOR, task_state);
  vmwrite(HOST_FS_BASE, 0);
  vmwrite(HOST_GS_BASE, 0);
  vmwrite(HOST_TR_BASE, address_of(&this_processor().tss));
  vmwrite(HOST_GDTR_BASE, address_of(this_processor().gdt));
  vmwrite(HOST_IDTR_BASE, idt_address());
  // The program has no SYSENTER of its own.
  vmwrite(HOST_IA32_SYSENTER_CS, 0);
  vmwrite(HOST_IA32_SYSENTER_ESP, 0);
  vmwrite(HOST_IA32_SYSENTER_EIP, 0);
}

}  // namespace kit
