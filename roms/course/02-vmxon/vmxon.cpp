// Owns a CPU's way into VMX operation and out of it, and the life of two VMCSs between.
#include "roms/course/common/ground.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"

using namespace course;

namespace {

// The firmware's last word on VMX. A locked MSR cannot be written before the next reset: WRMSR is #GP.
void allow_vmxon() {
  constexpr u64 lock = 1;
  [[maybe_unused]] constexpr u64 vmxon_outside_smx = 4;
  const u64 control = rdmsr(IA32_FEATURE_CONTROL);
  //[ unless the lock bit is set, write the MSR with the lock bit and "VMXON outside SMX"
  if (!(control & lock)) wrmsr(IA32_FEATURE_CONTROL, control | lock | vmxon_outside_smx);
  //]
  print("IA32_FEATURE_CONTROL was ", hex(control), ": ", control & lock ? "locked" : "not locked", "\n");
}

void set_fixed_bits() {
  //[ give CR0 and CR4 the values that VMX operation wants: a 1 in IA32_VMX_CR0_FIXED0 must be 1, a 0 in
  //: IA32_VMX_CR0_FIXED1 must be 0, and so for CR4. CR4.VMXE is one of these bits.
  write_cr0((read_cr0() | rdmsr(IA32_VMX_CR0_FIXED0)) & rdmsr(IA32_VMX_CR0_FIXED1));
  write_cr4((read_cr4() | rdmsr(IA32_VMX_CR4_FIXED0)) & rdmsr(IA32_VMX_CR4_FIXED1));
  //]
}

// The region for VMXON and that of a VMCS begin alike. What else is in them is the processor's.
u64 make_region() {
  const u64 region = allocate_page();
  for (u64 n = 0; n < page_bytes / 4; ++n) at<u32>(region)[n] = 1;  // the page had another owner before
  //[ write the VMCS revision identifier, bits 30:0 of IA32_VMX_BASIC, into the first 4 bytes
  *at<u32>(region) = static_cast<u32>(rdmsr(IA32_VMX_BASIC)) & 0x7fffffff;
  //]
  return region;
}

u64 make_vmcs() {
  const u64 vmcs = make_region();
  //[ VMCLEAR it, and stop in words if that fails: until then the page holds no VMCS
  if (Failure failure = vmclear(vmcs)) stop("VMCLEAR failed: ", failure);
  //]
  return vmcs;
}

void switch_to(u64 vmcs) {
  //[ make it the current VMCS, and stop in words if that fails
  if (Failure failure = vmptrld(vmcs)) stop("VMPTRLD failed: ", failure);
  //| (void)vmcs;
  //]
}

// From here on the processor knows nothing of it: the page may be moved to another CPU, or given back.
void put_away(u64 vmcs) {
  //[ the instruction that takes it away from the processor; stop in words if that fails
  if (Failure failure = vmclear(vmcs)) stop("VMCLEAR failed: ", failure);
  //| (void)vmcs;
  //]
}

void leave_vmx_operation() {
  //[ leave VMX operation, and clear CR4.VMXE, in the order that the processor allows
  vmxoff();
  write_cr4(read_cr4() & ~CR4::VMXE);
  //]
}

// A VMCS is entered by VMLAUNCH for the first time, and by VMRESUME from then on. What does VMRESUME say of the current one?
bool was_never_launched() {
  bool carry, zero;
  asm volatile("vmresume" : "=@ccc"(carry), "=@ccz"(zero) : : "memory");
  return zero && vmread(VM_INSTRUCTION_ERROR) == instruction_error::vmresume_not_launched;
}

// All ones: none is.
u64 current_vmcs() {
  u64 vmcs = 0;
  asm volatile("vmptrst %0" : "=m"(vmcs));
  return vmcs;
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(2);
  allow_vmxon();
  set_fixed_bits();
  if (Failure failure = vmxon(make_region())) stop("VMXON failed: ", failure);
  check("in VMX operation, and no VMCS is current", current_vmcs(), ~0ul);

  const u64 first = make_vmcs(), second = make_vmcs();
  switch_to(first);
  check("the first VMCS is current", current_vmcs(), first);
  check("it is clear: it was never launched", was_never_launched(), true);
  vmwrite(GUEST_RIP, 0x1111);
  switch_to(second);
  check("the second VMCS is current", current_vmcs(), second);
  vmwrite(GUEST_RIP, 0x2222);
  switch_to(first);
  check("the first one has kept its GUEST_RIP", vmread(GUEST_RIP), 0x1111);
  switch_to(second);
  check("and the second its own", vmread(GUEST_RIP), 0x2222);

  put_away(first);
  check("the first one is put away, the second still current", current_vmcs(), second);
  put_away(second);
  check("both are put away, and none is current", current_vmcs(), ~0ul);
  leave_vmx_operation();
  check("CR4.VMXE is 0 again", read_cr4() & CR4::VMXE, 0);
  end();
}
