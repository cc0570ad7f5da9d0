// Owns VM entry: the controls taken from the VMCS, the guest's state loaded. The manual's "VM Entries".
#include <algorithm>
#include <utility>

#include "vmx/apic_virtualization.h"
#include "vmx/ept.h"
#include "vmx/instructions.h"
#include "vmx/intercepts.h"
#include "vmx/transition_parts.h"

namespace ringside {
namespace {

// What the VMCS's fields amount to: secondary and tertiary controls count only where they are activated.
void take_controls(ActiveControls& c, const Vmcs& v) {
  const auto word = [&](ControlWord which) -> u64& { return c.word[static_cast<unsigned>(which)]; };
  word(ControlWord::pin) = v[Field::PIN_BASED_CONTROLS];
  const u64 primary = word(ControlWord::primary) = v[Field::PRIMARY_CONTROLS];
  word(ControlWord::secondary) =
      primary & mask(VmxControl::secondary_controls) ? v[Field::SECONDARY_CONTROLS] : 0;
  word(ControlWord::tertiary) =
      primary & mask(VmxControl::tertiary_controls) ? v[Field::TERTIARY_CONTROLS] : 0;
  word(ControlWord::exit) = v[Field::VM_EXIT_CONTROLS];
  word(ControlWord::entry) = v[Field::VM_ENTRY_CONTROLS];
  c.exception_bitmap = static_cast<u32>(v[Field::EXCEPTION_BITMAP]);
  c.page_fault_mask = static_cast<u32>(v[Field::PAGE_FAULT_ERROR_CODE_MASK]);
  c.page_fault_match = static_cast<u32>(v[Field::PAGE_FAULT_ERROR_CODE_MATCH]);
  c.cr0_mask = v[Field::CR0_GUEST_HOST_MASK];
  c.cr0_shadow = v[Field::CR0_READ_SHADOW];
  c.cr4_mask = v[Field::CR4_GUEST_HOST_MASK];
  c.cr4_shadow = v[Field::CR4_READ_SHADOW];
  c.cr3_target = {v[Field::CR3_TARGET_VALUE_0], v[Field::CR3_TARGET_VALUE_1], v[Field::CR3_TARGET_VALUE_2],
                  v[Field::CR3_TARGET_VALUE_3]};
  c.cr3_target_count = static_cast<u32>(std::min<u64>(v[Field::CR3_TARGET_COUNT], c.cr3_target.size()));
  c.io_bitmap_a = HostPhys(v[Field::IO_BITMAP_A]);
  c.io_bitmap_b = HostPhys(v[Field::IO_BITMAP_B]);
  c.msr_bitmap = HostPhys(v[Field::MSR_BITMAP]);
  c.virtual_apic = HostPhys(v[Field::VIRTUAL_APIC_ADDRESS]);
  c.apic_access = HostPhys(v[Field::APIC_ACCESS_ADDRESS]);
  c.posted_descriptor = HostPhys(v[Field::POSTED_INTERRUPT_DESCRIPTOR]);
  c.pid_pointer_table = HostPhys(v[Field::PID_POINTER_TABLE]);
  c.last_pid_pointer_index = static_cast<u32>(v[Field::LAST_PID_POINTER_INDEX]);
  c.tpr_threshold = static_cast<u32>(v[Field::TPR_THRESHOLD]);
  load_intercept_controls(c, v);
  c.vpid = c.has(VmxControl::vpid) ? static_cast<u16>(v[Field::VIRTUAL_PROCESSOR_ID]) : 0;
}

const FieldSet control_fields = [] {
  FieldSet set;
  for (unsigned i = 0; i < field_count; ++i) {
    const Field field = static_cast<Field>(i);
    if (info(field).area == FieldArea::controls) set.add(field);
  }
  return set;
}();
bool controls_written(const Vmcs& v) {
  u64 common = 0;
  for (unsigned i = 0; i < FieldSet::words; ++i) common |= v.dirty.word[i] & control_fields.word[i];
  return common != 0;
}

// "Loading Guest Control Registers, Debug Registers, and MSRs".
void load_registers(Cpu& cpu, const Vmcs& v, const ActiveControls& c) {
  cpu.cr0 = (cpu.cr0 & cr0_kept) | (v[Field::GUEST_CR0] & ~cr0_kept);
  cpu.cr3 = v[Field::GUEST_CR3];
  cpu.cr4 = v[Field::GUEST_CR4];
  if (c.has(VmxControl::load_debug_controls)) {
    cpu.dr7 = (v[Field::GUEST_DR7] & Dr7::writable) | Dr7::fixed_one;
    cpu.msr.debugctl = v[Field::GUEST_IA32_DEBUGCTL];
  }
  cpu.msr.sysenter_cs = v[Field::GUEST_IA32_SYSENTER_CS];
  cpu.msr.sysenter_esp = v[Field::GUEST_IA32_SYSENTER_ESP];
  cpu.msr.sysenter_eip = v[Field::GUEST_IA32_SYSENTER_EIP];
  if (c.has(VmxControl::entry_load_pat)) cpu.msr.pat = v[Field::GUEST_IA32_PAT];
  if (c.has(VmxControl::entry_load_pkrs)) cpu.msr.pkrs = v[Field::GUEST_IA32_PKRS];
  constexpr u64 long_mode = Efer::LMA | Efer::LME;
  if (c.has(VmxControl::entry_load_efer)) {
    cpu.efer = v[Field::GUEST_IA32_EFER];
    return;
  }
  // Without paging LME stays what the host has: the guest's own MOV to CR0 may then enter IA-32e mode.
  const u64 loaded = cpu.cr0 & Cr0::PG ? long_mode : Efer::LMA;
  cpu.efer = (cpu.efer & ~loaded) | (c.has(VmxControl::ia32e_mode_guest) ? loaded : 0);
}

// "Loading Guest Segment Registers and Descriptor-Table Registers". Bases of unusable segments are kept but
// for their upper half, where a register has none.
void load_segments(Cpu& cpu, const Vmcs& v) {
  for (unsigned i = 0; i < 8; ++i) {
    Segment& s = cpu.segment[i];
    const u64 base = v[segment_field(Field::GUEST_ES_BASE, i)];
    s.selector = static_cast<u16>(v[segment_field(Field::GUEST_ES_SELECTOR, i)]);
    s.base = i < FS ? static_cast<u32>(base) : base;
    s.limit = static_cast<u32>(v[segment_field(Field::GUEST_ES_LIMIT, i)]);
    s.rights = static_cast<u32>(v[segment_field(Field::GUEST_ES_ACCESS_RIGHTS, i)]);
    s.update();
  }
  cpu.gdtr = {v[Field::GUEST_GDTR_BASE], static_cast<u32>(v[Field::GUEST_GDTR_LIMIT])};
  cpu.idtr = {v[Field::GUEST_IDTR_BASE], static_cast<u32>(v[Field::GUEST_IDTR_LIMIT])};
  cpu.cpl = static_cast<u8>(cpu.segment[SS].dpl());
}

void load_flags(Cpu& cpu, u64 rflags) {
  constexpr u64 system = Eflags::TF | Eflags::IF | Eflags::DF | Eflags::IOPL | Eflags::NT | Eflags::RF |
                         Eflags::VM | Eflags::AC | Eflags::VIF | Eflags::VIP | Eflags::ID;
  cpu.system_flags = rflags & system;
  cpu.flags.set_image(rflags);
}

// The interruption types that are delivered through the IDT; the seventh, "other event", is not.
bool is_vectoring(u64 information) {
  return (information & Interruption::valid) && Interruption::type(information) != EventType::other_event;
}

// "Updating Non-Register State" and "Interruptibility State", "Activity State", "Delivery of Pending
// Debug Exceptions after VM Entry".
void load_event_state(Cpu& cpu, const Vmcs& v, const ActiveControls& c) {
  const u64 information = v[Field::VM_ENTRY_INTERRUPTION_INFORMATION];
  const u64 blocking = v[Field::GUEST_INTERRUPTIBILITY_STATE];
  const bool vectoring = is_vectoring(information);
  const bool nmis_blocked = blocking & block_by_nmi;
  if (c.has(VmxControl::virtual_nmis)) {
    cpu.vmx->virtual_nmi_blocked = nmis_blocked;
    cpu.nmi_blocked = false;
  } else {
    cpu.vmx->virtual_nmi_blocked = false;
    cpu.nmi_blocked = nmis_blocked;
  }
  cpu.interrupt_shadow = vectoring ? 0 : static_cast<u8>(blocking & (block_by_sti | block_by_mov_ss));
  cpu.activity = vectoring ? Activity::active : static_cast<Activity>(v[Field::GUEST_ACTIVITY_STATE] & 3);

  const u64 pending = v[Field::GUEST_PENDING_DEBUG_EXCEPTIONS];
  const EventType type = Interruption::type(information);
  const bool software = type == EventType::software_interrupt || type == EventType::software_exception;
  const bool dropped = vectoring
                           ? !(software && (blocking & block_by_mov_ss))
                           : cpu.activity == Activity::shutdown || cpu.activity == Activity::wait_for_sipi;
  constexpr u64 conditions = Dr6::B0 | Dr6::B1 | Dr6::B2 | Dr6::B3;
  const bool valid = pending & (enabled_breakpoint | Dr6::BS);
  cpu.pending_debug = valid && !dropped ? pending & (conditions | enabled_breakpoint | Dr6::BS) : 0;
}

void start_preemption_timer(Cpu& cpu, const Vmcs& v) {
  Vmx& vmx = *cpu.vmx;
  const u64 value = static_cast<u32>(v[Field::VMX_PREEMPTION_TIMER_VALUE]);
  const unsigned shift = vmx.capability.preemption_timer_shift();
  vmx.timer_expired = value == 0;
  if (value == 0) return;
  // It counts when the bit of the TSC changes: the deadline is a multiple of its period on the TSC's scale.
  // VM entry takes a tick of its own, which counts: "a value smaller than the VM-entry latency" expires
  // before the first instruction.
  const u64 now = cpu.clock ? cpu.clock->now() : 0;
  const u64 tsc = now - (now != 0) + cpu.msr.tsc_offset;
  const u64 deadline = ((tsc >> shift) + value) << shift;
  vmx.preemption_timer->arm(deadline - cpu.msr.tsc_offset);
}

void raise_attention(Cpu& cpu) {
  u32 a = cpu.attention &
          (Attention::stop | Attention::init | Attention::start_up | Attention::smi | Attention::step);
  if (cpu.nmi_pending || (cpu.attention & Attention::nmi)) a |= Attention::nmi;
  if (cpu.vmx->init_pending) a |= Attention::init;
  cpu.vmx->init_pending = false;
  // One that IF holds back is noticed when IF is set.
  const bool open =
      (cpu.system_flags & Eflags::IF) || cpu.vmx->controls.has(VmxControl::external_interrupt_exiting);
  if (open && cpu.interrupts && cpu.interrupts->pending()) a |= Attention::interrupt;
  if (cpu.interrupt_shadow) a |= Attention::shadow;
  if (cpu.pending_debug) a |= Attention::trap;
  if (cpu.activity != Activity::active) a |= Attention::activity;
  constexpr u64 virtual_interrupt = Eflags::VIF | Eflags::VIP;
  if ((cpu.system_flags & virtual_interrupt) == virtual_interrupt) a |= Attention::virtual_interrupt;
  if (guest_needs_attention(cpu)) a |= Attention::vmx;
  cpu.attention = a;
}

PagingRegisters paging_registers(const Cpu& cpu, u16 vpid) {
  return {cpu.cr0, cpu.cr3, cpu.cr4, cpu.efer, cpu.pkru, static_cast<u32>(cpu.msr.pkrs), vpid};
}

// The guest's translation: second stage, VPID, paging registers; PDPTEs where PAE paging is in use. False: a
// PDPTE in memory is not valid.
bool load_translation(Cpu& cpu, const Vmcs& v, const ActiveControls& c) {
  const bool pae = (cpu.cr0 & Cr0::PG) && (cpu.cr4 & Cr4::PAE) && !(cpu.efer & Efer::LMA);
  Ept* const stage = prepare_ept(cpu);
  if (stage) {
    if (pae)
      cpu.mmu.pdptes() = {v[Field::GUEST_PDPTE0], v[Field::GUEST_PDPTE1], v[Field::GUEST_PDPTE2],
                          v[Field::GUEST_PDPTE3]};
  } else if (pae && !cpu.mmu.load_pdptes(cpu.cr3, cpu.cr0, cpu.cr4, cpu.efer)) {
    return false;
  }
  cpu.mmu.set_registers(paging_registers(cpu, c.vpid), stage, stage);
  // "VM entries and exits ... if VPIDs are not in use": what was cached for VPID 0000H goes.
  if (c.vpid == 0) cpu.mmu.flush_vpid(0, 1, LinAddr());
  return true;
}

// "VM-Entry Failures During or After Loading Guest State": two fields tell of it, the host's state is loaded.
EntryResult fail_entry(Cpu& cpu, Vmcs& v, ExitReason reason, u64 qualification, bool nmi_blocked) {
  ExitInfo exit;
  exit.reason = reason;
  exit.qualification = qualification;
  cpu.vmx->exit = exit;
  v.set(Field::EXIT_REASON, static_cast<u64>(reason) | entry_failure_bit);
  v.set(Field::EXIT_QUALIFICATION, qualification);
  cpu.nmi_blocked = nmi_blocked;
  ++cpu.vmx->transitions;
  EntryResult result;
  result.kind = load_host(cpu, v) ? EntryResult::Kind::exited : EntryResult::Kind::aborted;
  return result;
}

// `rule` is the first that is broken. All of them are looked for once, for all who look, and while the host's
// state that some of them ask about is still there.
EntryResult refuse_entry(Cpu& cpu, Vmcs& v, const EntryView& view, const Rule& rule) {
  std::vector<const Rule*> broken;
  if (cpu.vmx->observers) broken = violations(view);
  EntryResult result;
  if (rule.stage == RuleStage::guest) {
    result = fail_entry(cpu, v, ExitReason::entry_failure_guest_state, rule.qualification, cpu.nmi_blocked);
  } else {
    result.kind = EntryResult::Kind::fail_valid;
    result.why = rule.stage == RuleStage::controls ? Refusal::controls : Refusal::host_state;
  }
  result.broken = std::move(broken);
  return result;
}

constexpr u64 invalid_pdptes = 2;  // exit qualification

}  // namespace

void finish_transition(Cpu& cpu, bool debugged) {
  cpu.update_mode();
  cpu.update_privilege();
  if (debugged || is_debugged(cpu)) cpu.update_debug();
}

bool guest_needs_attention(const Cpu& cpu) {
  const Vmx& vmx = *cpu.vmx;
  const ActiveControls& c = vmx.controls;
  if (vmx.mtf_pending || vmx.timer_expired || vmx.trap_exit != Vmx::TrapExit::none ||
      c.has(VmxControl::monitor_trap_flag))
    return true;
  if (c.has(VmxControl::nmi_window_exiting) && !vmx.virtual_nmi_blocked) return true;
  return cpu.interrupt_window && cpu.flag(Eflags::IF);
}

EntryResult enter_guest(Cpu& cpu, bool launch) {
  Vmx& vmx = *cpu.vmx;
  Vmcs& v = *vmx.current;
  const EntryView view{cpu, v, vmx.capability};
  if (const Rule* rule = first_violation(view, v.dirty)) [[unlikely]]
    return refuse_entry(cpu, v, view, *rule);
  ActiveControls& c = vmx.controls;
  if (vmx.controls_of != &v || controls_written(v)) {
    take_controls(c, v);
    vmx.controls_of = &v;
  }
  c.word[static_cast<unsigned>(ControlWord::entry)] = v[Field::VM_ENTRY_CONTROLS];
  v.dirty.clear();

  const bool debugged = is_debugged(cpu);
  const bool nmi_blocked_before = cpu.nmi_blocked;
  load_registers(cpu, v, c);
  load_segments(cpu, v);
  cpu.gpr[RSP] = v[Field::GUEST_RSP];
  cpu.rip = cpu.next_rip = v[Field::GUEST_RIP];
  load_flags(cpu, v[Field::GUEST_RFLAGS]);
  load_event_state(cpu, v, c);
  if (!load_translation(cpu, v, c))
    return fail_entry(cpu, v, ExitReason::entry_failure_guest_state, invalid_pdptes, nmi_blocked_before);
  if (const u32 count = static_cast<u32>(v[Field::VM_ENTRY_MSR_LOAD_COUNT])) {
    cpu.update_mode();  // writes of MSRs look at it
    if (const unsigned bad = load_msr_list(cpu, HostPhys(v[Field::VM_ENTRY_MSR_LOAD_ADDRESS]), count))
      return fail_entry(cpu, v, ExitReason::entry_failure_msr_loading, bad, nmi_blocked_before);
  }

  cpu.non_root = true;
  if (c.has(VmxControl::tsc_offsetting)) {
    cpu.guest_tsc_offset = v[Field::TSC_OFFSET];
    cpu.guest_tsc_multiplier = c.has(VmxControl::tsc_scaling) ? v[Field::TSC_MULTIPLIER] : u64{1} << 48;
  }
  cpu.monitor_armed = false;
  cpu.interrupt_window = c.has(VmxControl::interrupt_window_exiting);
  vmx.mtf_pending = vmx.timer_expired = false;
  vmx.vectoring = {};
  vmx.nmi_unblocked = false;
  vmx.ple_first = vmx.ple_last = 0;
  begin_apic_virtualization(cpu);
  if (c.has(VmxControl::preemption_timer)) start_preemption_timer(cpu, v);
  finish_transition(cpu, debugged);
  raise_attention(cpu);
  if (launch) v.launched = true;
  ++v.entries;
  ++vmx.transitions;

  EntryResult result;
  const u32 information = static_cast<u32>(v[Field::VM_ENTRY_INTERRUPTION_INFORMATION]);
  if (information & Interruption::valid) {
    result.inject = information;
    result.inject_error = static_cast<u32>(v[Field::VM_ENTRY_EXCEPTION_ERROR_CODE]);
    result.inject_length = static_cast<u32>(v[Field::VM_ENTRY_INSTRUCTION_LENGTH]);
  }
  return result;
}

void restore_translation(Cpu& cpu) {
  Vmx* vmx = cpu.vmx;
  if (vmx == nullptr) return;
  cpu.mmu.block_a20m(cpu.vmx_operation);
  Ept* const stage = cpu.non_root ? prepare_ept(cpu) : nullptr;
  const bool apic_accesses = cpu.non_root && vmx->controls.has(VmxControl::virtualize_apic_accesses);
  cpu.mmu.set_apic_access_page(apic_accesses ? vmx->controls.apic_access : Mmu::no_apic_access_page);
  cpu.mmu.set_registers(paging_registers(cpu, cpu.non_root ? vmx->controls.vpid : 0), stage, stage);
  cpu.mmu.flush_all();
}

}  // namespace ringside
