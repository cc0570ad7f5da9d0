// Owns VM exit: the record of why, the guest's state saved, the host's loaded. The manual's "VM Exits".
#include "vmx/explain_refusal.h"
#include "vmx/apic_virtualization.h"
#include "vmx/transition_parts.h"

namespace ringside {
namespace {

// "Recording VM-Exit Information and Updating VM-entry Control Fields".
void record(Vmcs& v, const ExitInfo& exit) {
  v.set(Field::EXIT_REASON, static_cast<u64>(exit.reason));
  v.set(Field::EXIT_QUALIFICATION, exit.qualification);
  v.set(Field::GUEST_LINEAR_ADDRESS, exit.linear);
  v.set(Field::GUEST_PHYSICAL_ADDRESS, exit.physical);
  v.set(Field::VM_EXIT_INTERRUPTION_INFORMATION, exit.interruption);
  v.set(Field::VM_EXIT_INTERRUPTION_ERROR_CODE, exit.interruption_error);
  v.set(Field::IDT_VECTORING_INFORMATION, exit.vectoring);
  v.set(Field::IDT_VECTORING_ERROR_CODE, exit.vectoring_error);
  v.set(Field::VM_EXIT_INSTRUCTION_LENGTH, exit.instruction_length);
  v.set(Field::VM_EXIT_INSTRUCTION_INFORMATION, exit.instruction_information);
  v.set(Field::VM_ENTRY_INTERRUPTION_INFORMATION,
        v[Field::VM_ENTRY_INTERRUPTION_INFORMATION] & ~u64{Interruption::valid});
}

// "Saving Control Registers, Debug Registers, and MSRs".
void save_registers(const Cpu& cpu, Vmcs& v, const ActiveControls& c) {
  const Capabilities& able = cpu.vmx->capability;
  v.set(Field::GUEST_CR0, cpu.cr0);
  v.set(Field::GUEST_CR3, cpu.cr3);
  v.set(Field::GUEST_CR4, cpu.cr4);
  if (c.has(VmxControl::save_debug_controls)) {
    v.set(Field::GUEST_DR7, cpu.dr7);
    v.set(Field::GUEST_IA32_DEBUGCTL, cpu.msr.debugctl);
  }
  v.set(Field::GUEST_IA32_SYSENTER_CS, cpu.msr.sysenter_cs);
  v.set(Field::GUEST_IA32_SYSENTER_ESP, cpu.msr.sysenter_esp);
  v.set(Field::GUEST_IA32_SYSENTER_EIP, cpu.msr.sysenter_eip);
  if (c.has(VmxControl::save_pat)) v.set(Field::GUEST_IA32_PAT, cpu.msr.pat);
  if (c.has(VmxControl::save_efer)) v.set(Field::GUEST_IA32_EFER, cpu.efer);
  if (able.has(VmxControl::entry_load_pkrs)) v.set(Field::GUEST_IA32_PKRS, cpu.msr.pkrs);
  if (able.has(VmxControl::store_lma)) {
    const u64 bits = mask(VmxControl::ia32e_mode_guest);
    const u64 word = v[Field::VM_ENTRY_CONTROLS];
    v.set(Field::VM_ENTRY_CONTROLS, cpu.efer & Efer::LMA ? word | bits : word & ~bits);
  }
}

// "Saving Segment Registers and Descriptor-Table Registers". SS.DPL is the CPL, whatever the register was
// loaded with.
void save_segments(const Cpu& cpu, Vmcs& v) {
  constexpr u32 defined = 0x1f0ff, level = 3 << Rights::dpl_shift;
  for (unsigned i = 0; i < 8; ++i) {
    const Segment& s = cpu.segment[i];
    u32 rights = s.rights & defined;
    if (i == SS) rights = (rights & ~level) | u32{cpu.cpl} << Rights::dpl_shift;
    v.set(segment_field(Field::GUEST_ES_SELECTOR, i), s.selector);
    v.set(segment_field(Field::GUEST_ES_BASE, i), s.base);
    v.set(segment_field(Field::GUEST_ES_LIMIT, i), s.limit);
    v.set(segment_field(Field::GUEST_ES_ACCESS_RIGHTS, i), rights);
  }
  v.set(Field::GUEST_GDTR_BASE, cpu.gdtr.base);
  v.set(Field::GUEST_GDTR_LIMIT, cpu.gdtr.limit);
  v.set(Field::GUEST_IDTR_BASE, cpu.idtr.base);
  v.set(Field::GUEST_IDTR_LIMIT, cpu.idtr.limit);
}
static_assert(LDTR == 6 && TR == 7);  // as the VMCS numbers segments

bool is_debug_exception(const ExitInfo& exit) {
  constexpr u32 vector_mask = 0xff, debug = 1;
  return exit.reason == ExitReason::exception_or_nmi && (exit.interruption & Interruption::valid) &&
         (exit.interruption & vector_mask) == debug;
}

// Which exits leave debug exceptions pending: those more urgent than a trap, and all while MOV SS blocks. Of
// the latter the manual leaves BS open; but an entry with this interruptibility wants it as TF says, and what
// an exit saves can be entered again.
u64 pending_debug_exceptions(const Cpu& cpu, const ExitInfo& exit) {
  const bool blocked = (cpu.interrupt_shadow & Shadow::mov_ss) && !is_debug_exception(exit);
  u64 pending = cpu.pending_debug;
  if (blocked)
    pending = (cpu.system_flags & Eflags::TF) && !(cpu.msr.debugctl & DebugControl::BTF) ? pending | Dr6::BS
                                                                                         : pending & ~Dr6::BS;
  if (!pending) return 0;
  bool kept = blocked;
  switch (exit.reason) {
    case ExitReason::init_signal:
    case ExitReason::monitor_trap_flag:
    case ExitReason::tpr_below_threshold:
    case ExitReason::virtualized_eoi:
    case ExitReason::apic_write: kept = true; break;
    default: break;
  }
  if (!kept) return 0;
  constexpr u64 conditions = Dr6::B0 | Dr6::B1 | Dr6::B2 | Dr6::B3;
  const bool breakpoint = pending & (conditions | enabled_breakpoint);
  return (pending & (conditions | Dr6::BS)) | (breakpoint ? enabled_breakpoint : 0);
}

// The state that was saved satisfies the rules of VM entry by itself in 64-bit mode with nothing blocked or
// pending; elsewhere the rules look at it again.
void look_again(Vmcs& v) {
  for (unsigned i = 0; i < 8; ++i) v.dirty.add(segment_field(Field::GUEST_ES_ACCESS_RIGHTS, i));
  for (const Field field : {Field::GUEST_ACTIVITY_STATE, Field::GUEST_INTERRUPTIBILITY_STATE,
                            Field::GUEST_PENDING_DEBUG_EXCEPTIONS, Field::GUEST_RFLAGS, Field::GUEST_CR0})
    v.dirty.add(field);
}

// "Saving Non-Register State".
void save_event_state(const Cpu& cpu, Vmcs& v, const ActiveControls& c, const ExitInfo& exit) {
  const bool inactive = cpu.activity == Activity::hlt || cpu.activity == Activity::shutdown ||
                        cpu.activity == Activity::wait_for_sipi;
  const u64 activity = inactive ? static_cast<u64>(cpu.activity) : 0;
  const bool nmis = c.has(VmxControl::virtual_nmis) ? cpu.vmx->virtual_nmi_blocked : cpu.nmi_blocked;
  // An exit on the way of an event's delivery is an indirect one: the delivery has ended blocking by STI and
  // MOV SS.
  const bool indirect = exit.vectoring & Interruption::valid;
  const u64 blocking = (indirect ? 0 : cpu.interrupt_shadow) | (nmis ? block_by_nmi : 0);
  const u64 pending = pending_debug_exceptions(cpu, exit);
  v.set(Field::GUEST_ACTIVITY_STATE, activity);
  v.set(Field::GUEST_INTERRUPTIBILITY_STATE, blocking);
  v.set(Field::GUEST_PENDING_DEBUG_EXCEPTIONS, pending);
  if (c.has(VmxControl::preemption_timer) && c.has(VmxControl::save_preemption_timer)) {
    const Vmx& vmx = *cpu.vmx;
    const unsigned shift = vmx.capability.preemption_timer_shift();
    u64 left = 0;
    if (vmx.preemption_timer->armed() && cpu.clock) {
      const u64 now = cpu.clock->now(), deadline = vmx.preemption_timer->deadline();
      left = deadline > now ? (deadline - now + bit(shift) - 1) >> shift : 0;
    }
    v.set(Field::VMX_PREEMPTION_TIMER_VALUE, left);
  }
  const bool pae = (cpu.cr0 & Cr0::PG) && (cpu.cr4 & Cr4::PAE) && !(cpu.efer & Efer::LMA);
  if (pae && c.has(VmxControl::ept)) {
    const std::array<u64, 4>& pdptes = cpu.mmu.pdptes();
    for (unsigned i = 0; i < 4; ++i)
      v.set(static_cast<Field>(static_cast<unsigned>(Field::GUEST_PDPTE0) + i), pdptes[i]);
  }
  if ((activity | blocking | pending) || !cpu.mode.bits64) [[unlikely]]
    look_again(v);
}

constexpr u32 code_rights =
    Rights::P | Rights::S | Rights::code | Rights::readable | Rights::accessed | Rights::G;
constexpr u32 data_rights =
    Rights::P | Rights::S | Rights::writable | Rights::accessed | Rights::DB | Rights::G;
constexpr u32 tss_rights = Rights::P | 11;  // busy 32-bit TSS
constexpr u32 tss_limit = 0x67;
constexpr u32 table_limit = 0xffff;

void load_host_segment(Segment& s, u16 selector, u64 base, u32 limit, u32 rights) {
  s.selector = selector;
  s.base = base;
  s.limit = limit;
  s.rights = rights;
  s.update();
}

// "Loading Host Segment and Descriptor-Table Registers".
void load_host_segments(Cpu& cpu, const Vmcs& v, bool wide) {
  load_host_segment(cpu.segment[CS], static_cast<u16>(v[Field::HOST_CS_SELECTOR]), 0, 0xffffffff,
                    code_rights | (wide ? Rights::L : Rights::DB));
  const auto load_data = [&](SegReg reg, Field selector_field, u64 base) {
    const u16 selector = static_cast<u16>(v[selector_field]);
    load_host_segment(cpu.segment[reg], selector, base, 0xffffffff,
                      selector ? data_rights : u32{Rights::unusable});
  };
  load_data(ES, Field::HOST_ES_SELECTOR, 0);
  load_data(SS, Field::HOST_SS_SELECTOR, 0);
  load_data(DS, Field::HOST_DS_SELECTOR, 0);
  load_data(FS, Field::HOST_FS_SELECTOR, v[Field::HOST_FS_BASE]);
  load_data(GS, Field::HOST_GS_SELECTOR, v[Field::HOST_GS_BASE]);
  load_host_segment(cpu.segment[TR], static_cast<u16>(v[Field::HOST_TR_SELECTOR]), v[Field::HOST_TR_BASE],
                    tss_limit, tss_rights);
  load_host_segment(cpu.segment[LDTR], 0, 0, 0, Rights::unusable);
  cpu.gdtr = {v[Field::HOST_GDTR_BASE], table_limit};
  cpu.idtr = {v[Field::HOST_IDTR_BASE], table_limit};
  cpu.cpl = 0;
}

// "Loading Host Control Registers, Debug Registers, MSRs".
void load_host_registers(Cpu& cpu, const Vmcs& v, const ActiveControls& c, bool wide) {
  const Capabilities& able = cpu.vmx->capability;
  const u64 kept = cr0_kept | able.cr0_fixed0();
  cpu.cr0 = (cpu.cr0 & kept) | (v[Field::HOST_CR0] & ~kept) | able.cr0_fixed0();
  cpu.cr3 = v[Field::HOST_CR3];
  cpu.cr4 = v[Field::HOST_CR4] | able.cr4_fixed0();
  if (wide)
    cpu.cr4 |= Cr4::PAE;
  else
    cpu.cr4 &= ~Cr4::PCIDE;
  cpu.dr7 = Dr7::fixed_one;
  cpu.msr.debugctl = 0;
  cpu.msr.sysenter_cs = v[Field::HOST_IA32_SYSENTER_CS];
  cpu.msr.sysenter_esp = v[Field::HOST_IA32_SYSENTER_ESP];
  cpu.msr.sysenter_eip = v[Field::HOST_IA32_SYSENTER_EIP];
  if (c.has(VmxControl::exit_load_pat)) cpu.msr.pat = v[Field::HOST_IA32_PAT];
  if (c.has(VmxControl::exit_load_pkrs)) cpu.msr.pkrs = v[Field::HOST_IA32_PKRS];
  constexpr u64 long_mode = Efer::LMA | Efer::LME;
  if (c.has(VmxControl::exit_load_efer)) cpu.efer = v[Field::HOST_IA32_EFER];
  cpu.efer = (cpu.efer & ~long_mode) | (wide ? long_mode : 0);
}

}  // namespace

bool load_host(Cpu& cpu, const Vmcs& v) {
  Vmx& vmx = *cpu.vmx;
  // Of an entry that failed the controls may not have been taken yet.
  ActiveControls c;
  c.word[static_cast<unsigned>(ControlWord::exit)] = v[Field::VM_EXIT_CONTROLS];
  const bool wide = c.has(VmxControl::host_address_space_size);
  const bool debugged = is_debugged(cpu);
  const u16 vpid = cpu.mmu.registers().vpid;

  load_host_registers(cpu, v, c, wide);
  load_host_segments(cpu, v, wide);
  cpu.gpr[RSP] = v[Field::HOST_RSP];
  cpu.rip = cpu.next_rip = v[Field::HOST_RIP];
  cpu.flags.set_image(0);
  cpu.system_flags = 0;

  cpu.non_root = cpu.interrupt_window = false;
  cpu.guest_tsc_offset = 0;
  cpu.guest_tsc_multiplier = u64{1} << 48;
  cpu.activity = Activity::active;
  cpu.interrupt_shadow = 0;
  cpu.pending_debug = 0;
  cpu.monitor_armed = false;
  vmx.mtf_pending = vmx.timer_expired = vmx.virtual_nmi_blocked = vmx.nmi_unblocked = false;
  vmx.vectoring = {};
  vmx.preemption_timer->disarm();
  cpu.attention &= Attention::stop | Attention::init | Attention::start_up | Attention::nmi | Attention::smi |
                   Attention::step;
  if (cpu.nmi_pending) cpu.attention |= Attention::nmi;

  cpu.mmu.set_registers({cpu.cr0, cpu.cr3, cpu.cr4, cpu.efer, cpu.pkru, static_cast<u32>(cpu.msr.pkrs), 0},
                        nullptr);
  if (vpid == 0) cpu.mmu.flush_vpid(0, 1, LinAddr());
  finish_transition(cpu, debugged);
  if (!cpu.mmu.load_pdptes(cpu.cr3, cpu.cr0, cpu.cr4, cpu.efer))
    return vmx_abort(cpu, v, VmxAbort::host_pdptes);
  if (const u32 count = static_cast<u32>(v[Field::VM_EXIT_MSR_LOAD_COUNT])) {
    if (load_msr_list(cpu, HostPhys(v[Field::VM_EXIT_MSR_LOAD_ADDRESS]), count))
      return vmx_abort(cpu, v, VmxAbort::loading_host_msrs);
    cpu.update_privilege();
  }
  return true;
}

bool vmx_abort(Cpu& cpu, const Vmcs& v, VmxAbort why) {
  constexpr u64 indicator_at = 4;
  cpu.vmx->abort = static_cast<u32>(why);
  cpu.mmu.memory().write(v.region + indicator_at, 4, static_cast<u32>(why));
  cpu.non_root = false;
  cpu.activity = Activity::shutdown;
  cpu.attention |= Attention::activity;
  cpu.shutdown_chain_length = 0;
  return false;
}

std::string abort_reason(const Cpu& cpu) {
  if (cpu.vmx == nullptr || cpu.vmx->abort == 0) return {};
  const auto with_msr = [&](std::string text, std::string_view list) {
    const std::string msr = ringside::text(cpu, cpu.vmx->msr_refusal, list);
    return msr.empty() ? text : text + ": " + msr;
  };
  switch (static_cast<VmxAbort>(cpu.vmx->abort)) {
    case VmxAbort::storing_guest_msrs:
      return with_msr("VMX abort 1: a guest MSR could not be saved on a VM exit", "VM-exit MSR-store list");
    case VmxAbort::host_pdptes: return "VMX abort 2: the host's PDPTEs have reserved bits set";
    case VmxAbort::loading_host_msrs:
      return with_msr("VMX abort 4: a host MSR could not be loaded on a VM exit", "VM-exit MSR-load list");
  }
  return "VMX abort";
}

bool exit_guest(Cpu& cpu, const ExitInfo& exit) {
  Vmx& vmx = *cpu.vmx;
  Vmcs& v = *vmx.current;
  const ActiveControls& c = vmx.controls;
  record(v, exit);
  save_registers(cpu, v, c);
  save_segments(cpu, v);
  v.set(Field::GUEST_RSP, cpu.gpr[RSP]);
  v.set(Field::GUEST_RIP, cpu.rip);
  v.set(Field::GUEST_RFLAGS, cpu.eflags());
  save_event_state(cpu, v, c, exit);
  end_apic_virtualization(cpu);
  v.last_exit_rip = cpu.rip;
  ++v.exits;
  ++vmx.transitions;
  if (const u32 count = static_cast<u32>(v[Field::VM_EXIT_MSR_STORE_COUNT])) {
    cpu.guest_tsc_offset = 0;  // the TSC is stored as root operation reads it
    cpu.guest_tsc_multiplier = u64{1} << 48;
    if (store_msr_list(cpu, HostPhys(v[Field::VM_EXIT_MSR_STORE_ADDRESS]), count))
      return vmx_abort(cpu, v, VmxAbort::storing_guest_msrs);
  }
  return load_host(cpu, v);
}

}  // namespace ringside
