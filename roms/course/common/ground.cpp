// Owns the begin and the end of a lesson's program, and the usual VMCS.
#include "roms/course/common/ground.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"

extern "C" {
extern kit::u64 kit_pml4[512];
extern char kit_code_end[];  // image.ld
}

namespace course {
namespace {

constexpr u64 present = 1, writable = 2, large = 1 << 7, address_mask = 0x000ffffffffff000;
constexpr u64 code_first = 1ul << 20;  // where image.ld puts the program

bool all_is_well = true;
u64 checks = 0;

// The page of 2 MBytes that holds the program becomes 512 small ones; those with code and constants are not writable. CR0.WP
// is 1, so that ring 0 has to keep to it.
void protect_code() {
  u64* pdpt = at<u64>(kit_pml4[0] & address_mask);
  u64* directory = at<u64>(pdpt[0] & address_mask);
  const u64 table = allocate_page();
  for (u64 n = 0; n < 512; ++n) {
    const u64 page = n * page_bytes;
    const bool code = page >= code_first && page < address_of(kit_code_end);
    at<u64>(table)[n] = page | present | (code ? 0 : writable);
  }
  directory[0] = table | present | writable;
  write_cr3(read_cr3());
}

void write_segment(u32 number, u64 selector, u64 base, u64 limit, u64 rights) {
  vmwrite(GUEST_ES_SELECTOR + 2 * number, selector);
  vmwrite(GUEST_ES_BASE + 2 * number, base);
  vmwrite(GUEST_ES_LIMIT + 2 * number, limit);
  vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * number, rights);
}

// The manual's "Segment Access Rights": flat, present, accessed; the TSS is busy, and there is no LDT.
void write_segments() {
  constexpr u64 code_64 = 0xa09b, data = 0xc093, busy_tss = 0x8b, unusable = 1 << 16;
  for (u32 n = 0; n < 6; ++n)
    write_segment(n, n == 1 ? kernel_code : kernel_data, 0, 0xffffffff, n == 1 ? code_64 : data);
  write_segment(6, 0, 0, 0, unusable);
  write_segment(7, task_state, address_of(&this_processor().tss), sizeof(TaskState) - 1, busy_tss);
}

}  // namespace

void begin(unsigned lesson) {
  protect_code();
  print("lesson ", lesson, ": begins\n");
}

bool check(const char* what, u64 found, u64 wanted) {
  ++checks;
  if (found == wanted) {
    print("ok: ", what, "\n");
    return true;
  }
  all_is_well = false;
  print("WRONG: ", what, ": ", hex(found), ", not ", hex(wanted), "\n");
  return false;
}

void end() {
  if (all_is_well)
    print("all is well, ", checks, " checks\n");
  else
    print("not all is well\n");
  power_off(all_is_well ? 0 : 1);
}

u64 make_current_vmcs() {
  const u64 region = make_vmx_region();
  if (Failure failure = vmclear(region)) stop("VMCLEAR failed: ", failure);
  if (Failure failure = vmptrld(region)) stop("VMPTRLD failed: ", failure);
  return region;
}

void write_controls(const Controls& c) {
  vmwrite(PIN_BASED_CONTROLS, control_value(c.pin, IA32_VMX_TRUE_PINBASED_CTLS, "pin-based"));
  const u32 more = c.secondary ? primary_control::secondary_controls : 0;
  vmwrite(PRIMARY_CONTROLS,
          control_value(c.primary | more, IA32_VMX_TRUE_PROCBASED_CTLS, "processor-based"));
  vmwrite(SECONDARY_CONTROLS, control_value(c.secondary, IA32_VMX_PROCBASED_CTLS2, "secondary"));
  vmwrite(VM_EXIT_CONTROLS, control_value(c.exit | exit_control::host_address_space_size,
                                          IA32_VMX_TRUE_EXIT_CTLS, "VM-exit"));
  vmwrite(VM_ENTRY_CONTROLS, control_value(c.entry, IA32_VMX_TRUE_ENTRY_CTLS, "VM-entry"));
  vmwrite(EXCEPTION_BITMAP, 0);
  vmwrite(PAGE_FAULT_ERROR_CODE_MASK, 0);
  vmwrite(PAGE_FAULT_ERROR_CODE_MATCH, 0);
  vmwrite(CR3_TARGET_COUNT, 0);
  vmwrite(VM_EXIT_MSR_STORE_COUNT, 0);
  vmwrite(VM_EXIT_MSR_LOAD_COUNT, 0);
  vmwrite(VM_ENTRY_MSR_LOAD_COUNT, 0);
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, 0);
}

void write_64_bit_guest(void (*entry)(), u64 stack_top) {
  write_host_state();
  write_segments();
  // The hypervisor's own bits are visible to this guest: it has nothing to hide.
  vmwrite(CR0_GUEST_HOST_MASK, 0);
  vmwrite(CR0_READ_SHADOW, 0);
  vmwrite(CR4_GUEST_HOST_MASK, 0);
  vmwrite(CR4_READ_SHADOW, 0);
  vmwrite(GUEST_CR0, read_cr0());
  vmwrite(GUEST_CR3, read_cr3());
  vmwrite(GUEST_CR4, read_cr4());
  vmwrite(GUEST_GDTR_BASE, address_of(this_processor().gdt));
  vmwrite(GUEST_GDTR_LIMIT, sizeof this_processor().gdt - 1);
  vmwrite(GUEST_IDTR_BASE, idt_address());
  vmwrite(GUEST_IDTR_LIMIT, 256 * 16 - 1);
  vmwrite(GUEST_RIP, reinterpret_cast<u64>(entry));
  vmwrite(GUEST_RSP, stack_top);
  vmwrite(GUEST_RFLAGS, 2);  // bit 1 is always 1
  vmwrite(GUEST_DR7, 0x400);
  vmwrite(GUEST_IA32_DEBUGCTL, 0);
  vmwrite(GUEST_IA32_SYSENTER_CS, 0);
  vmwrite(GUEST_IA32_SYSENTER_ESP, 0);
  vmwrite(GUEST_IA32_SYSENTER_EIP, 0);
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
  vmwrite(GUEST_ACTIVITY_STATE, 0);
  vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
  vmwrite(VMCS_LINK_POINTER, ~0ul);  // there is no shadow VMCS
}

// As at a function's begin: RSP is 8 below a multiple of 16.
u64 make_stack() { return allocate_page() + page_bytes - 8; }

void skip_instruction() { vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(VM_EXIT_INSTRUCTION_LENGTH)); }

}  // namespace course
