// Owns VMX's instructions as functions. A VMX instruction tells its success in RFLAGS (the manual's
// "Conventions" of the VMX instruction reference): CF is VMfailInvalid, there is no current VMCS to hold a
// number; ZF is VMfailValid, and the number of the error is in the current VMCS. The functions say that in
// words.
#pragma once

#include "roms/kit/instructions.h"

namespace kit {

// Why a VMX instruction failed; nullptr: it did not.
using Failure = const char*;

// The failure that RFLAGS' CF and ZF tell, in words.
Failure failure_of(bool carry, bool zero);

inline Failure vmxon(u64 region) {
  bool c, z;
  asm volatile("vmxon %2" : "=@ccc"(c), "=@ccz"(z) : "m"(region) : "memory");
  return failure_of(c, z);
}
inline void vmxoff() { asm volatile("vmxoff" : : : "cc", "memory"); }
inline Failure vmclear(u64 vmcs) {
  bool c, z;
  asm volatile("vmclear %2" : "=@ccc"(c), "=@ccz"(z) : "m"(vmcs) : "memory");
  return failure_of(c, z);
}
inline Failure vmptrld(u64 vmcs) {
  bool c, z;
  asm volatile("vmptrld %2" : "=@ccc"(c), "=@ccz"(z) : "m"(vmcs) : "memory");
  return failure_of(c, z);
}

// Of the current VMCS. A field that does not exist stops the program with its encoding: that is a mistake in
// the program.
u64 vmread(u64 field);
void vmwrite(u64 field, u64 value);

// The manual's INVEPT and INVVPID types.
enum class Invalidation : u64 { address = 0, single_context = 1, all_contexts = 2 };
Failure invept(Invalidation type, u64 eptp);
Failure invvpid(Invalidation type, u16 vpid, u64 address = 0);

// The nearest value of a control field to `wanted` that this CPU takes. `msr` is the field's capability MSR:
// a 1 in its lower half must be 1, a 0 in its upper half must be 0 (the manual's "Reserved Controls and
// Default Settings"). Stops with `name` if a bit of `wanted` cannot be 1.
u32 control_value(u32 wanted, u32 msr, const char* name);

// Enters VMX operation on this CPU: sets IA32_FEATURE_CONTROL if it is not locked, CR0 and CR4 as the fixed
// bits demand, and executes VMXON with a page of its own. Stops in words if the CPU has no VMX or does not
// allow it.
void enter_vmx_operation();

// A zeroed page that begins with the VMCS revision identifier, as VMXON and VMCLEAR want it.
u64 make_vmx_region();

// The guest's registers that no VM exit saves. enter.asm knows the order.
struct Registers {
  u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
};

// Enters the guest of the current VMCS, by VMLAUNCH or, if it was launched, VMRESUME, and returns after the
// next VM exit, with the guest's registers in `registers`: to its caller it is a function that takes long.
// nullptr: there was an exit; else why the entry was refused. HOST_RSP and HOST_RIP are its own business. (An
// entry that fails because of the guest's state is an exit with bit 31 of the reason.)
Failure enter_guest(Registers& registers, bool launched);

// The host-state fields, but HOST_RSP and HOST_RIP: what the CPU shall have after each exit is what it has
// now.
void write_host_state();

}  // namespace kit
