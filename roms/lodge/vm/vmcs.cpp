// Owns the fields of a VMCS: each with the reason for its value.
#include "roms/lodge/vm/vmcs.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/variants.h"
#include "roms/lodge/process.h"
#include "roms/lodge/vm/control_registers.h"
#include "roms/lodge/vm/exits.h"

namespace lodge {
namespace {

// Registers that SYSCALL, SWAPGS and RDTSCP use. The CPU has one of each, so that each side's must be there
// when it runs: VM entries and exits change them by lists (the manual's "Loading MSRs").
constexpr u32 switched_msrs[] = {IA32_STAR,  IA32_LSTAR,          IA32_CSTAR,
                                 IA32_FMASK, IA32_KERNEL_GS_BASE, IA32_TSC_AUX};
constexpr u64 switched_count = sizeof switched_msrs / sizeof *switched_msrs;
struct MsrEntry {
  u32 number, reserved;
  u64 value;
};
constexpr u64 host_list = page_bytes / 2;

// Those, and what the VMCS itself has a field for: the guest may have them to itself.
constexpr u32 guests_msrs[] = {
    IA32_STAR,         IA32_LSTAR,   IA32_CSTAR,   IA32_FMASK,       IA32_KERNEL_GS_BASE,
    IA32_TSC_AUX,      IA32_FS_BASE, IA32_GS_BASE, IA32_SYSENTER_CS, IA32_SYSENTER_ESP,
    IA32_SYSENTER_EIP, IA32_EFER,    IA32_PAT};

void must(Failure failure, const char* what) {
  if (failure) stop(what, " failed: ", failure);
}

void write_controls(const VirtualCpu& cpu) {
  using namespace primary_control;
  // The host has the devices and must hear of their interrupts, whoever runs: this is also what ends a
  // guest's slice of time.
  vmwrite(PIN_BASED_CONTROLS,
          control_value(pin_control::external_interrupt_exiting | pin_control::nmi_exiting,
                        IA32_VMX_TRUE_PINBASED_CTLS, "pin-based"));
  // HLT: a guest with nothing to do gives the CPU to other threads. I/O: no port is the guest's, so that no
  // bitmaps are needed. CR8: the guest has no local APIC, and the real one's priority is the host's. MONITOR,
  // MWAIT, RDPMC: CPUID denies them. MSR bitmaps: make_msr_bitmap. The rest, above all CR3, is the guest's
  // own, because EPT keeps its memory apart; for that the "true" MSR is needed, as the old one wants those
  // two.
  const u32 primary = hlt_exiting | unconditional_io_exiting | cr8_load_exiting | cr8_store_exiting |
                      monitor_exiting | mwait_exiting | rdpmc_exiting | msr_bitmaps | tsc_offsetting |
                      secondary_controls | (variants.no_ept ? invlpg_exiting : 0);
  vmwrite(PRIMARY_CONTROLS, control_value(primary, IA32_VMX_TRUE_PROCBASED_CTLS, "primary"));
  // Each of the first three has a variant without it. EPT: the guest's physical memory. VPID: the TLB keeps
  // guest and host apart, and VM entries and exits need not empty it. Unrestricted guest: without paging, and
  // in real mode, the guest runs as it is. RDTSCP is #UD in a guest that is not allowed it.
  const u32 secondary = (variants.no_ept ? 0 : secondary_control::ept) |
                        (variants.no_vpid ? 0 : secondary_control::vpid) |
                        (must_page() ? 0 : secondary_control::unrestricted_guest) | secondary_control::rdtscp;
  vmwrite(SECONDARY_CONTROLS, control_value(secondary, IA32_VMX_PROCBASED_CTLS2, "secondary"));
  // A 64-bit host. Acknowledge: the exit brings the interrupt's vector along, because the kernel runs with
  // interrupts disabled and would not take it from its IDT. PAT and EFER are each side's own.
  using namespace exit_control;
  const u32 exit = host_address_space_size | acknowledge_interrupt | save_debug_controls | save_pat |
                   load_pat | save_efer | load_efer;
  vmwrite(VM_EXIT_CONTROLS, control_value(exit, IA32_VMX_TRUE_EXIT_CTLS, "VM-exit"));
  // "IA-32e mode guest" is not among them: set_guest_efer keeps it equal to IA32_EFER.LMA, as entries demand.
  const u32 entry = entry_control::load_debug_controls | entry_control::load_pat | entry_control::load_efer;
  vmwrite(VM_ENTRY_CONTROLS, control_value(entry, IA32_VMX_TRUE_ENTRY_CTLS, "VM-entry"));

  // The guest's exceptions are its own business: page faults, too, thanks to EPT.
  vmwrite(EXCEPTION_BITMAP, variants.no_ept ? bit(page_fault) : 0);
  vmwrite(PAGE_FAULT_ERROR_CODE_MASK, 0);
  vmwrite(PAGE_FAULT_ERROR_CODE_MATCH, 0);
  vmwrite(CR3_TARGET_COUNT, 0);
  vmwrite(MSR_BITMAP, cpu.machine->msr_bitmap);
  if (!variants.no_ept) vmwrite(EPT_POINTER, cpu.machine->ept.pointer());
  if (!variants.no_vpid) vmwrite(VIRTUAL_PROCESSOR_ID, cpu.vpid);
  vmwrite(TSC_OFFSET, cpu.machine->tsc_offset);
  write_masks();
}

void write_msr_lists(const VirtualCpu& cpu) {
  auto* guest = at<MsrEntry>(cpu.msr_lists);
  auto* host = at<MsrEntry>(cpu.msr_lists + host_list);
  for (u64 n = 0; n < switched_count; ++n) guest[n].number = host[n].number = switched_msrs[n];
  // An exit stores the guest's values where the next entry loads them from.
  vmwrite(VM_ENTRY_MSR_LOAD_ADDRESS, cpu.msr_lists);
  vmwrite(VM_EXIT_MSR_STORE_ADDRESS, cpu.msr_lists);
  vmwrite(VM_EXIT_MSR_LOAD_ADDRESS, cpu.msr_lists + host_list);
  vmwrite(VM_ENTRY_MSR_LOAD_COUNT, switched_count);
  vmwrite(VM_EXIT_MSR_STORE_COUNT, switched_count);
  vmwrite(VM_EXIT_MSR_LOAD_COUNT, switched_count);
}

// What set_state does not know of, as a reset leaves it.
void write_guest_rest() {
  constexpr u64 pat_at_reset = 0x0007040600070406, dr7_at_reset = 0x400;
  vmwrite(GUEST_IA32_PAT, pat_at_reset);
  vmwrite(GUEST_DR7, dr7_at_reset);
  vmwrite(GUEST_IA32_DEBUGCTL, 0);
  vmwrite(GUEST_IA32_SYSENTER_CS, 0);
  vmwrite(GUEST_IA32_SYSENTER_ESP, 0);
  vmwrite(GUEST_IA32_SYSENTER_EIP, 0);
  vmwrite(GUEST_GDTR_BASE, 0);
  vmwrite(GUEST_GDTR_LIMIT, 0xffff);
  vmwrite(GUEST_IDTR_BASE, 0);
  vmwrite(GUEST_IDTR_LIMIT, 0xffff);
  vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
  vmwrite(GUEST_ACTIVITY_STATE, 0);  // active; a halted guest is not entered at all
  vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
  vmwrite(VMCS_LINK_POINTER, ~0ul);  // there is no shadow VMCS
}

void write_host_rest(const VirtualCpu& cpu) {
  vmwrite(HOST_IA32_PAT, rdmsr(IA32_PAT));
  vmwrite(HOST_IA32_EFER, rdmsr(IA32_EFER));
  auto* host = at<MsrEntry>(cpu.msr_lists + host_list);
  for (u64 n = 0; n < switched_count; ++n) host[n].value = rdmsr(switched_msrs[n]);
}

// ES is the first of eight segments, whose fields are two apart.
void write_segment(unsigned n, const Segment& segment) {
  vmwrite(GUEST_ES_SELECTOR + 2 * n, segment.selector);
  vmwrite(GUEST_ES_BASE + 2 * n, segment.base);
  vmwrite(GUEST_ES_LIMIT + 2 * n, segment.limit);
  vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * n, segment.access_rights);
}

Segment read_segment(unsigned n) {
  return {vmread(GUEST_ES_BASE + 2 * n), static_cast<u32>(vmread(GUEST_ES_LIMIT + 2 * n)),
          static_cast<u32>(vmread(GUEST_ES_ACCESS_RIGHTS + 2 * n)),
          static_cast<u16>(vmread(GUEST_ES_SELECTOR + 2 * n))};
}

}  // namespace

void make_vmcs(VirtualCpu& cpu) {
  unload_virtual_cpu();
  cpu.vmcs = make_vmx_region();
  cpu.msr_lists = allocate_page();
  reset_fpu(cpu.fpu);
  must(vmclear(cpu.vmcs), "VMCLEAR");
  must(vmptrld(cpu.vmcs), "VMPTRLD");
  write_controls(cpu);
  write_msr_lists(cpu);
  write_guest_rest();
  must(vmclear(cpu.vmcs), "VMCLEAR");
}

// A VMCS is active on one CPU at most, and only that one can VMCLEAR it. So it comes with its thread and goes
// with it.
void load_virtual_cpu(VirtualCpu& cpu) {
  Cpu& here = this_cpu();
  if (here.loaded == &cpu) return;
  unload_virtual_cpu();
  must(vmptrld(cpu.vmcs), "VMPTRLD");
  here.loaded = &cpu;
  cpu.launched = false;
  write_host_state();
  write_host_rest(cpu);
  arrive(cpu.fpu);
  // What this CPU's TLB remembers of the guest is from before it ran elsewhere, or of another guest with the
  // same VPID.
  const u32 me = this_processor().number + 1;
  if (cpu.tlb_of == me) return;
  cpu.tlb_of = me;
  forget_translations(cpu);
  if (!variants.no_ept) must(invept(Invalidation::single_context, cpu.machine->ept.pointer()), "INVEPT");
}

void unload_virtual_cpu() {
  Cpu& here = this_cpu();
  if (!here.loaded) return;
  leave(here.loaded->fpu);
  must(vmclear(here.loaded->vmcs), "VMCLEAR");
  here.loaded = nullptr;
}

u64 make_msr_bitmap() {
  const u64 page = allocate_page();
  memset(at<void>(page), 0xff, page_bytes);
  // Reads of MSRs from 0 on, reads from C0000000H on, writes, writes: 1 KByte each.
  auto allow = [page](u32 msr, u64 part) {
    at<u8>(page)[part + (msr >= 0xc0000000 ? 1024 : 0) + (msr & 0x1fff) / 8] &=
        static_cast<u8>(~(1 << msr % 8));
  };
  for (const u32 msr : guests_msrs)
    if (msr != IA32_EFER || !must_page()) allow(msr, 0), allow(msr, 2048);
  allow(IA32_TIME_STAMP_COUNTER, 0);  // with the offset, as RDTSC; a write would be the host's
  return page;
}

u64 read_register(VirtualCpu& cpu, unsigned number) {
  if (number == 4) return vmread(GUEST_RSP);
  return (&cpu.registers.rax)[number < 4 ? number : number - 1];
}

void write_register(VirtualCpu& cpu, unsigned number, u64 value) {
  if (number == 4) return vmwrite(GUEST_RSP, value);
  (&cpu.registers.rax)[number < 4 ? number : number - 1] = value;
}

// CpuState begins with the same registers in the same order.
static_assert(sizeof(Registers) == 15 * sizeof(u64));

i64 set_state(VirtualCpu& cpu, const CpuState& state) {
  if (cpu.thread) return bad_argument;
  load_virtual_cpu(cpu);
  memcpy(&cpu.registers, &state, sizeof cpu.registers);
  vmwrite(GUEST_RIP, state.rip);
  vmwrite(GUEST_RSP, state.rsp);
  vmwrite(GUEST_RFLAGS, state.rflags | 2);
  if (!set_control_registers(cpu, {state.cr0, state.cr3, state.cr4, state.efer})) return bad_argument;
  for (unsigned n = 0; n < 8; ++n) write_segment(n, (&state.es)[n]);
  return 0;
}

i64 get_state(VirtualCpu& cpu, CpuState& state) {
  if (cpu.thread) return bad_argument;
  load_virtual_cpu(cpu);
  memcpy(&state, &cpu.registers, sizeof cpu.registers);
  state.rip = vmread(GUEST_RIP);
  state.rsp = vmread(GUEST_RSP);
  state.rflags = vmread(GUEST_RFLAGS);
  const ControlRegisters registers = control_registers(cpu);
  state.cr0 = registers.cr0;
  state.cr3 = registers.cr3;
  state.cr4 = registers.cr4;
  state.efer = registers.efer;
  for (unsigned n = 0; n < 8; ++n) (&state.es)[n] = read_segment(n);
  return 0;
}

}  // namespace lodge
