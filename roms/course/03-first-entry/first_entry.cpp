// Owns a VMCS that is filled by hand, and a guest that is entered eleven times.
#include "roms/course/common/ground.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"

using namespace course;

extern "C" u64 enter_once(u32 launched);  // border.asm
extern "C" u64 rsp_at_entry, rsp_after_exit;

namespace {

volatile u64 counter;  // the guest's work

// The guest. It shares the hypervisor's memory, and calls it after each step.
void guest() {
  for (;;) {
    counter = counter + 1;
    asm volatile("vmcall" : : : "memory");
  }
}

// What brings the CPU back, and in which mode each side runs.
void write_the_controls() {
  u32 exits = 0, entries = 0;
  //[ this hypervisor runs in 64-bit mode: the VM-exit control for that. So does the guest: the VM-entry control for that
  exits = exit_control::host_address_space_size;
  entries = entry_control::ia32e_mode_guest;
  //]
  vmwrite(PIN_BASED_CONTROLS, control_value(0, IA32_VMX_TRUE_PINBASED_CTLS, "pin-based"));
  vmwrite(PRIMARY_CONTROLS, control_value(0, IA32_VMX_TRUE_PROCBASED_CTLS, "processor-based"));
  vmwrite(VM_EXIT_CONTROLS, control_value(exits, IA32_VMX_TRUE_EXIT_CTLS, "VM-exit"));
  vmwrite(VM_ENTRY_CONTROLS, control_value(entries, IA32_VMX_TRUE_ENTRY_CTLS, "VM-entry"));
  vmwrite(EXCEPTION_BITMAP, 0);
  vmwrite(CR3_TARGET_COUNT, 0);
  vmwrite(VM_EXIT_MSR_STORE_COUNT, 0);
  vmwrite(VM_EXIT_MSR_LOAD_COUNT, 0);
  vmwrite(VM_ENTRY_MSR_LOAD_COUNT, 0);
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, 0);
}

// `number`: ES, CS, SS, DS, FS, GS, LDTR, TR from 0 on, which is the order of their fields.
void write_segment(u32 number, u64 selector, u64 base, u64 limit, u64 rights) {
  vmwrite(GUEST_ES_SELECTOR + 2 * number, selector);
  vmwrite(GUEST_ES_BASE + 2 * number, base);
  vmwrite(GUEST_ES_LIMIT + 2 * number, limit);
  vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * number, rights);
}

// Access rights: type in bits 3:0, S bit 4, DPL bits 6:5, P bit 7, L bit 13, D/B bit 14, G bit 15, unusable bit 16.
void write_segments() {
  constexpr u64 data = 0xc093, unusable = 1 << 16;
  u64 code = 0, tss = 0;
  //[ code: type 11 (execute, read, accessed), S, present, 64-bit (L), G. tss: type 11 (busy), present
  code = 0xa09b;
  tss = 0x8b;
  //]
  for (u32 n = 0; n < 6; ++n) write_segment(n, kernel_data, 0, 0xffffffff, data);
  write_segment(1, kernel_code, 0, 0xffffffff, code);
  write_segment(6, 0, 0, 0, unusable);
  write_segment(7, task_state, address_of(&this_processor().tss), sizeof(TaskState) - 1, tss);
}

void write_the_guest(u64 rip, u64 rsp) {
  write_segments();
  vmwrite(GUEST_CR0, read_cr0());
  vmwrite(GUEST_CR3, read_cr3());
  vmwrite(GUEST_CR4, read_cr4());
  vmwrite(GUEST_GDTR_BASE, address_of(this_processor().gdt));
  vmwrite(GUEST_GDTR_LIMIT, sizeof this_processor().gdt - 1);
  vmwrite(GUEST_IDTR_BASE, idt_address());
  vmwrite(GUEST_IDTR_LIMIT, 256 * 16 - 1);
  vmwrite(GUEST_DR7, 0x400);
  vmwrite(GUEST_IA32_DEBUGCTL, 0);
  vmwrite(GUEST_IA32_SYSENTER_CS, 0);
  vmwrite(GUEST_IA32_SYSENTER_ESP, 0);
  vmwrite(GUEST_IA32_SYSENTER_EIP, 0);
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
  vmwrite(GUEST_ACTIVITY_STATE, 0);
  vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
  //[ GUEST_RIP, GUEST_RSP, and GUEST_RFLAGS, whose bit 1 is always 1; VMCS_LINK_POINTER: there is no shadow VMCS
  vmwrite(GUEST_RIP, rip);
  vmwrite(GUEST_RSP, rsp);
  vmwrite(GUEST_RFLAGS, 2);
  vmwrite(VMCS_LINK_POINTER, ~0ul);
  //| (void)rip, (void)rsp;
  //]
}

// Enters the guest, says why if that fails, and returns the reason of the exit.
u64 run(bool launched) {
  const u64 flags = enter_once(launched);
  if (Failure failure = failure_of(flags & RFLAGS::CF, flags & RFLAGS::ZF)) stop("the entry failed: ", failure);
  const u64 reason = vmread(EXIT_REASON);
  if (reason & bit(31)) stop("the entry failed: exit reason ", reason & 0xffff, ", because of the guest's state");
  return reason;
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(3);
  enter_vmx_operation();
  make_current_vmcs();
  write_the_controls();
  write_host_state();  // all but HOST_RSP and HOST_RIP
  write_the_guest(reinterpret_cast<u64>(guest), make_stack());

  check("the exit's reason is VMCALL", run(false), exit_reason::vmcall);
  check("HOST_RSP is the stack of the entry", rsp_after_exit, rsp_at_entry);
  check("the guest was there", counter, 1);
  for (u64 n = 2; n <= 11; ++n) {
    //[ let the guest go on behind its VMCALL, and enter it again: once launched, a VMCS is entered by VMRESUME
    vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(VM_EXIT_INSTRUCTION_LENGTH));
    run(true);
    //]
  }
  check("the guest has counted to 11", counter, 11);
  end();
}
