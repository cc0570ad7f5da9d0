// Owns the walk through the table of the instruction boundary: which event is taken, and what is looked at
// again afterwards.
#include "cpu/exec/guest/instruction_boundary.h"

#include <utility>

#include "cpu/exec/guest/boundary_table.h"
#include "vmx/transitions.h"

namespace ringside {
namespace {

constexpr std::size_t last = boundary_event_count - 1;

// By the number of the row: the compiler then sees through the table's functions.
template <std::size_t n>
bool comes(const Cpu& cpu) {
  constexpr const BoundaryEvent& event = boundary::events[n];
  if constexpr (event.only_guest) {
    if (!cpu.non_root) return false;
  }
  if constexpr (event.attention != 0) {
    if (!(cpu.attention & event.attention)) return false;
  }
  if (!event.pending(cpu)) return false;
  const auto lets_through = [&](const Blocking* blocking) { return !blocking || !blocking->blocks(cpu); };
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return (lets_through(event.blocked_by[i]) && ...);
  }
  (std::make_index_sequence<event.blocked_by.size()>());
}

template <std::size_t n>
bool take(Cpu& cpu) {
  constexpr const BoundaryEvent& event = boundary::events[n];
  return comes<n>(cpu) && event.take(cpu);
}

// The most urgent event that nothing holds back, but the last. False: there is none.
bool take_event(Cpu& cpu) {
  return [&]<std::size_t... n>(std::index_sequence<n...>) { return (take<n>(cpu) || ...); }
  (std::make_index_sequence<last>());
}

void note_nmi(Cpu& cpu) {
  if (cpu.attention & Attention::nmi) cpu.nmi_pending = true;
}

// Bits of causes that are gone, or that whoever lets them through again will raise again: set_eflags for IF,
// IRET for NMI, VM entry and VMXOFF for INIT.
void clear_attention(Cpu& cpu) {
  u32 gone = Attention::smi;  // no system-management mode here
  if (!cpu.pending_debug) gone |= Attention::trap;
  const bool open =
      cpu.flag(Eflags::IF) || (cpu.non_root ? boundary::has(cpu, VmxControl::external_interrupt_exiting)
                                            : cpu.activity == Activity::mwait);
  if (!open || !boundary::interrupt_pending(cpu)) gone |= Attention::interrupt;
  if (!cpu.interrupt_shadow) gone |= Attention::shadow;
  if (!cpu.nmi_pending || cpu.nmi_blocked) gone |= Attention::nmi;
  if (!cpu.flag(Eflags::VIF) || !cpu.flag(Eflags::VIP)) gone |= Attention::virtual_interrupt;
  if (!cpu.non_root || !guest_needs_attention(cpu)) gone |= Attention::vmx;
  if (cpu.activity == Activity::active) gone |= Attention::activity;
  if ((cpu.attention & Attention::init) && boundary::vmx_root.blocks(cpu)) {
    cpu.vmx->init_pending = true;
    gone |= Attention::init;
  }
  cpu.attention &= ~gone;
}

bool traps_each_instruction(const Cpu& cpu) {
  return boundary::guest_has(cpu, VmxControl::monitor_trap_flag);
}

}  // namespace

bool sleeps_for_ever(const Cpu& cpu) {
  if (cpu.activity == Activity::wait_for_sipi) return true;
  return cpu.activity == Activity::hlt && !cpu.flag(Eflags::IF) && !cpu.non_root;
}

bool service_boundary(Cpu& cpu) {
  if (cpu.attention & Attention::stop) return false;
  // An event, and what is more urgent than the first instruction of its handler; each counts as one
  // instruction.
  do {
    note_nmi(cpu);
    const bool guest = cpu.non_root, traps = traps_each_instruction(cpu);
    if (!take_event(cpu)) break;
    cpu.budget -= 1;
    if (guest && !cpu.non_root) {
      // After a VM exit the boundary is root operation's.
      if (cpu.activity != Activity::active || (cpu.attention & Attention::stop)) return false;
      if (cpu.budget <= 0) return true;
      continue;
    }
    cpu.interrupt_shadow = 0;
    if (guest) cpu.vmx->mtf_pending = traps;  // after the delivery of an event as after an instruction
  } while (cpu.budget > 0);
  note_nmi(cpu);
  // MWAIT ends for an interrupt that EFLAGS.IF holds back, too.
  if (!cpu.non_root && cpu.activity == Activity::mwait && boundary::interrupt_pending(cpu)) wake(cpu);
  const bool guest = cpu.non_root;
  if (guest || cpu.activity == Activity::active) {
    if (cpu.budget > 0 && take<last>(cpu)) {
      cpu.interrupt_shadow = 0;
      cpu.budget -= 1;
      if (guest && !cpu.non_root) return cpu.activity == Activity::active;
    }
  }
  // The instruction that runs next is the one that the monitor trap flag lets through.
  const bool runs = cpu.activity == Activity::active;
  if (runs && cpu.budget > 0 && traps_each_instruction(cpu)) cpu.vmx->mtf_pending = true;
  clear_attention(cpu);
  return runs;
}

}  // namespace ringside
