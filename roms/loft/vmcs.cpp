// Owns the VMCS of a virtual CPU: each field, and why it is so. The manual's "Virtual Machine Control
// Structures".
#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/variants.h"
#include "roms/loft/vcpu.h"

namespace loft {
namespace {

// The guest's flat segments (the manual's "Segment Access Rights"): 32 bits, present, accessed.
constexpr u64 code_rights = 0xc09b, code64_rights = 0xa09b, data_rights = 0xc093, busy_tss_rights = 0x8b,
              unusable = 1 << 16;

void make_current(Vcpu& v) {
  if (!v.vmcs) v.vmcs = make_vmx_region();
  // VMCLEAR makes the launch state "clear", so that the next entry must be a VMLAUNCH, and no CPU remembers
  // anything of the page.
  if (Failure f = vmclear(v.vmcs)) stop("VMCLEAR failed: ", f);
  if (Failure f = vmptrld(v.vmcs)) stop("VMPTRLD failed: ", f);
  v.launched = false;
}

void write_controls(Vcpu& v) {
  // An interrupt of the machine is the hypervisor's: the guest is left for it, as it has no right to keep the
  // CPU.
  vmwrite(PIN_BASED_CONTROLS,
          control_value(pin_control::external_interrupt_exiting, IA32_VMX_TRUE_PINBASED_CTLS, "pin-based"));
  // HLT: others want the CPU that this guest does not need. Ports: all are the hypervisor's, so no bitmap is
  // needed. MSRs: those that the processor keeps for the guest are used without an exit (msr_bitmap).
  const u32 primary = primary_control::hlt_exiting | primary_control::unconditional_io_exiting |
                      primary_control::msr_bitmaps | primary_control::secondary_controls;
  vmwrite(PRIMARY_CONTROLS, control_value(primary, IA32_VMX_TRUE_PROCBASED_CTLS, "processor-based"));
  // EPT: the guest's page tables are its own business. VPID: entries and exits leave the TLB alone.
  // Unrestricted guest: it may begin without paging. RDTSCP and INVPCID are #UD without their controls,
  // though CPUID shows them.
  const u32 secondary = secondary_control::ept | (variants.no_vpid ? 0 : secondary_control::vpid) |
                        secondary_control::unrestricted_guest | secondary_control::rdtscp |
                        secondary_control::invpcid;
  vmwrite(SECONDARY_CONTROLS, control_value(secondary, IA32_VMX_PROCBASED_CTLS2, "secondary"));
  // The host runs in 64-bit mode. An interrupt that ends the guest's run is acknowledged by the exit, which
  // tells its vector. EFER and PAT are of both, so each side gets its own back.
  const u32 exits = exit_control::host_address_space_size | exit_control::acknowledge_interrupt |
                    exit_control::save_efer | exit_control::load_efer | exit_control::save_pat |
                    exit_control::load_pat;
  vmwrite(VM_EXIT_CONTROLS, control_value(exits, IA32_VMX_TRUE_EXIT_CTLS, "VM-exit"));
  // "IA-32e mode guest" is the guest's EFER.LMA: it is 0 at the start, and exits keep it up to date.
  const u32 entries = entry_control::load_efer | entry_control::load_pat;
  vmwrite(VM_ENTRY_CONTROLS, control_value(entries, IA32_VMX_TRUE_ENTRY_CTLS, "VM-entry"));
  vmwrite(MSR_BITMAP, msr_bitmap());
  vmwrite(EPT_POINTER, v.domain->ept.pointer());
  // Every virtual CPU has a VPID of its own; 0 is the host's.
  if (!variants.no_vpid) vmwrite(VIRTUAL_PROCESSOR_ID, 1 + v.domain->number * most_vcpus + v.number);
  // No exception leaves the guest: it has an IDT.
  vmwrite(EXCEPTION_BITMAP, 0);
  vmwrite(PAGE_FAULT_ERROR_CODE_MASK, 0);
  vmwrite(PAGE_FAULT_ERROR_CODE_MATCH, 0);
  vmwrite(CR3_TARGET_COUNT, 0);
  // No lists: the MSRs that need it are switched with the virtual CPU, not at each exit (switch.cpp).
  vmwrite(VM_EXIT_MSR_STORE_COUNT, 0);
  vmwrite(VM_EXIT_MSR_LOAD_COUNT, 0);
  vmwrite(VM_ENTRY_MSR_LOAD_COUNT, 0);
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, 0);
  vmwrite(HOST_IA32_EFER, rdmsr(IA32_EFER));
  vmwrite(HOST_IA32_PAT, rdmsr(IA32_PAT));
}

void write_segment(u32 number, u64 selector, u64 limit, u64 rights) {
  vmwrite(GUEST_ES_SELECTOR + 2 * number, selector);
  vmwrite(GUEST_ES_BASE + 2 * number, 0);
  vmwrite(GUEST_ES_LIMIT + 2 * number, limit);
  vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * number, rights);
}

// In the order of their fields: ES, CS, SS, DS, FS, GS, LDTR, TR.
void write_segments(u64 cs_rights) {
  for (u32 n = 0; n < 6; ++n)
    write_segment(n, n == 1 ? 0x08 : 0x10, 0xffffffff, n == 1 ? cs_rights : data_rights);
  write_segment(6, 0, 0, unusable);
  write_segment(7, 0, 0x67, busy_tss_rights);  // TR must be usable and busy, though the guest has none yet
}

void write_control_registers(u64 cr0, u64 cr3, u64 cr4) {
  // VMX wants CR0.NE and CR4.VMXE to be 1; a guest that does not want them sees what it wrote: the bits are
  // ours, with a shadow.
  vmwrite(CR0_GUEST_HOST_MASK, CR0::NE);
  set_guest_cr0(cr0);
  vmwrite(GUEST_CR3, cr3);
  vmwrite(CR4_GUEST_HOST_MASK, CR4::VMXE | CR4::OSXSAVE | CR4::SMXE | CR4::LA57 | CR4::PKE);
  vmwrite(CR4_READ_SHADOW, cr4 & ~CR4::VMXE);
  vmwrite(GUEST_CR4, cr4 | CR4::VMXE);
}

void write_rest(u64 entry) {
  vmwrite(GUEST_RIP, entry);
  vmwrite(GUEST_RSP, 0);
  vmwrite(GUEST_RFLAGS, 2);  // bit 1 is always 1; interrupts are disabled
  vmwrite(GUEST_DR7, 0x400);
  vmwrite(GUEST_IA32_PAT, 0x0007040600070406);  // as after a reset
  vmwrite(GUEST_IA32_DEBUGCTL, 0);
  vmwrite(GUEST_IA32_SYSENTER_CS, 0);
  vmwrite(GUEST_IA32_SYSENTER_ESP, 0);
  vmwrite(GUEST_IA32_SYSENTER_EIP, 0);
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
  vmwrite(GUEST_ACTIVITY_STATE, 0);  // active
  vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
  vmwrite(VMCS_LINK_POINTER, ~0ul);  // there is no shadow VMCS
}

void begin(Vcpu& v) {
  if (Failure f = vmclear(v.vmcs)) stop("VMCLEAR failed: ", f);
  reset_fpu(v.fpu);
  v.ready_since = 0;
  v.processor = ~0u;
  v.state = VcpuState::ready;
}

}  // namespace

void start_vcpu(Vcpu& v, u64 entry, u64 value) {
  make_current(v);
  write_controls(v);
  write_segments(code_rights);
  write_control_registers(CR0::PE | CR0::ET, 0, 0);
  vmwrite(GUEST_IA32_EFER, 0);
  vmwrite(GUEST_GDTR_BASE, 0);
  vmwrite(GUEST_GDTR_LIMIT, 0);
  vmwrite(GUEST_IDTR_BASE, 0);
  vmwrite(GUEST_IDTR_LIMIT, 0);
  write_rest(entry);
  v.registers = {};
  v.registers.rbx = v.registers.rsi = value;
  begin(v);
}

void start_vcpu_like(Vcpu& v, Vcpu& other, u64 entry, u64 value) {
  // The other one runs: its VMCS is the current one.
  const u64 cr0 = guest_cr0(), cr3 = vmread(GUEST_CR3), cr4 = vmread(GUEST_CR4),
            efer = vmread(GUEST_IA32_EFER);
  const u64 gdt = vmread(GUEST_GDTR_BASE), gdt_limit = vmread(GUEST_GDTR_LIMIT);
  const u64 idt = vmread(GUEST_IDTR_BASE), idt_limit = vmread(GUEST_IDTR_LIMIT);
  make_current(v);
  write_controls(v);
  vmwrite(VM_ENTRY_CONTROLS, vmread(VM_ENTRY_CONTROLS) | entry_control::ia32e_mode_guest);
  write_segments(code64_rights);
  write_control_registers(cr0, cr3, cr4);
  vmwrite(GUEST_IA32_EFER, efer);
  vmwrite(GUEST_GDTR_BASE, gdt);
  vmwrite(GUEST_GDTR_LIMIT, gdt_limit);
  vmwrite(GUEST_IDTR_BASE, idt);
  vmwrite(GUEST_IDTR_LIMIT, idt_limit);
  write_rest(entry);
  v.registers = {};
  v.registers.rdi = value;
  begin(v);
  if (Failure f = vmptrld(other.vmcs)) stop("VMPTRLD failed: ", f);
}

}  // namespace loft
