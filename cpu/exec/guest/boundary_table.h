// Owns the table of the instruction boundary: the events that may come between two instructions, the most
// urgent first, and what holds each back. The order is the manual's "Priority Among Concurrent Events"; where
// a guest's VM exits stand in it is said in "Other Causes of VM Exits", "VMX-Preemption Timer", "Monitor Trap
// Flag" and "Virtual-Interrupt Delivery". The CPU takes events by this table, and it explains them by it.
#pragma once

#include <array>
#include <string_view>

#include "cpu/exec/guest/boundary_events.h"
#include "vmx/vmx.h"

namespace ringside {

// Something that keeps an event waiting.
struct Blocking {
  std::string_view what;
  std::string_view cure;  // what would let the event through
  bool (*blocks)(const Cpu&);
};

constexpr ExitReason no_exit{0xffff};

struct BoundaryEvent {
  std::string_view name;
  std::string_view title;  // the manual's
  bool only_guest;         // comes in VMX non-root operation only
  u32 attention;           // without one of these bits of Cpu::attention it cannot come now; 0: it can
  bool (*pending)(const Cpu&);
  std::array<const Blocking*, 7> blocked_by;
  bool (*take)(Cpu&);
  ExitReason (*exit)(const Cpu&);  // the VM exit that it causes, or no_exit
};

namespace boundary {

inline bool has(const Cpu& cpu, VmxControl control) { return cpu.vmx->controls.has(control); }
inline bool guest_has(const Cpu& cpu, VmxControl control) { return cpu.non_root && has(cpu, control); }
inline bool interrupt_pending(const Cpu& cpu) { return cpu.interrupts && cpu.interrupts->pending(); }

// -- What holds events back.

inline constexpr Blocking vmx_root{"the CPU is in VMX root operation, which blocks INIT signals",
                                   "VMXOFF, or a VM entry (the INIT then causes a VM exit)",
                                   [](const Cpu& c) { return c.vmx_operation && !c.non_root; }};
inline constexpr Blocking guest_waits_for_sipi{
    "the guest is in the wait-for-SIPI state", "a SIPI",
    [](const Cpu& c) { return c.non_root && c.activity == Activity::wait_for_sipi; }};
inline constexpr Blocking wait_for_sipi{"the CPU is in the wait-for-SIPI state", "a SIPI from another CPU",
                                        [](const Cpu& c) { return c.activity == Activity::wait_for_sipi; }};
inline constexpr Blocking shutdown{"the CPU is in the shutdown state", "an NMI, an INIT or a reset",
                                   [](const Cpu& c) { return c.activity == Activity::shutdown; }};
inline constexpr Blocking by_mov_ss{"blocking by MOV SS: the instruction before loaded SS",
                                    "the end of the next instruction",
                                    [](const Cpu& c) { return (c.interrupt_shadow & Shadow::mov_ss) != 0; }};
inline constexpr Blocking by_sti{"blocking by STI: the instruction before set EFLAGS.IF",
                                 "the end of the next instruction",
                                 [](const Cpu& c) { return (c.interrupt_shadow & Shadow::sti) != 0; }};
inline constexpr Blocking by_nmi{"blocking by NMI: an NMI's handler has not executed IRET", "IRET",
                                 [](const Cpu& c) { return c.nmi_blocked; }};
inline constexpr Blocking by_virtual_nmi{"virtual-NMI blocking", "IRET of the guest",
                                         [](const Cpu& c) { return c.vmx->virtual_nmi_blocked; }};
inline constexpr Blocking interrupt_flag{"EFLAGS.IF is 0", "STI, POPF or IRET that sets IF",
                                         [](const Cpu& c) { return !c.flag(Eflags::IF); }};
// With external-interrupt exiting EFLAGS.IF blocks nothing.
inline constexpr Blocking interrupt_flag_of_external{
    "EFLAGS.IF is 0", "STI, POPF or IRET that sets IF", [](const Cpu& c) {
      return !c.flag(Eflags::IF) && !guest_has(c, VmxControl::external_interrupt_exiting);
    }};
// "Evaluation of Pending Virtual Interrupts".
inline constexpr Blocking not_above_vppr{
    "the priority class of RVI is not above that of VPPR: the guest's VTPR, or an interrupt in service",
    "a lower VTPR, or an EOI of the guest", [](const Cpu& c) {
      return !c.vmx->virtual_interrupt_pending && !has(c, VmxControl::interrupt_window_exiting);
    }};
inline constexpr Blocking not_evaluated{
    "\"interrupt-window exiting\" is 1: virtual interrupts are not evaluated", "the VM exit for the window",
    [](const Cpu& c) {
      return !c.vmx->virtual_interrupt_pending && has(c, VmxControl::interrupt_window_exiting);
    }};

// -- VM exits that events cause.

template <ExitReason reason>
constexpr ExitReason always(const Cpu&) {
  return reason;
}
template <ExitReason reason>
constexpr ExitReason in_guest(const Cpu& cpu) {
  return cpu.non_root ? reason : no_exit;
}
template <ExitReason reason, VmxControl control>
constexpr ExitReason by_control(const Cpu& cpu) {
  return guest_has(cpu, control) ? reason : no_exit;
}
template <Vector vector>
constexpr ExitReason by_exception_bitmap(const Cpu& cpu) {
  const bool exits =
      cpu.non_root && (cpu.vmx->controls.exception_bitmap >> static_cast<unsigned>(vector) & 1);
  return exits ? ExitReason::exception_or_nmi : no_exit;
}
inline ExitReason apic_trap(const Cpu& cpu) {
  switch (cpu.vmx->trap_exit) {
    case Vmx::TrapExit::tpr_below_threshold: return ExitReason::tpr_below_threshold;
    case Vmx::TrapExit::virtualized_eoi: return ExitReason::virtualized_eoi;
    case Vmx::TrapExit::apic_write: return ExitReason::apic_write;
    case Vmx::TrapExit::none: break;
  }
  return no_exit;
}

// VIF and VIP are both set at the beginning of an instruction.
inline bool virtual_interrupt_due(const Cpu& cpu) {
  const u64 enable = cpu.mode.v86 ? Cr4::VME : Cr4::PVI;
  return cpu.flag(Eflags::VIF) && cpu.flag(Eflags::VIP) && (cpu.cr4 & enable) && cpu.cpl == 3 &&
         cpu.iopl() < 3;
}

// -- The events.

constexpr bool everywhere = false, only_guest = true;
using R = ExitReason;
using V = VmxControl;

inline constexpr BoundaryEvent events[] = {
    {"INIT",
     "Signals That Cause Initialization",
     everywhere,
     Attention::init,
     [](const Cpu& c) { return (c.attention & Attention::init) || (c.vmx && c.vmx->init_pending); },
     {&vmx_root, &guest_waits_for_sipi},
     take_init,
     in_guest<R::init_signal>},
    {"trap-like VM exit of the virtual APIC",
     "APIC Virtualization and Virtual Interrupts",
     only_guest,
     0,
     [](const Cpu& c) { return c.vmx->trap_exit != Vmx::TrapExit::none; },
     {&wait_for_sipi, &shutdown},
     take_apic_trap,
     apic_trap},
    {"SIPI",
     "Startup IPI",
     everywhere,
     Attention::start_up,
     [](const Cpu& c) { return (c.attention & Attention::start_up) != 0; },
     {},
     take_start_up,
     in_guest<R::start_up_ipi>},
    {"monitor trap",
     "Monitor Trap Flag",
     only_guest,
     0,
     [](const Cpu& c) { return c.vmx->mtf_pending; },
     {&wait_for_sipi, &shutdown},
     take_monitor_trap,
     always<R::monitor_trap_flag>},
    {"debug trap",
     "Debug Exception (#DB)",
     everywhere,
     0,
     [](const Cpu& c) { return c.pending_debug != 0; },
     {&by_mov_ss, &wait_for_sipi, &shutdown},
     take_debug_trap,
     by_exception_bitmap<Vector::DB>},
    {"VMX-preemption timer",
     "VMX-Preemption Timer",
     only_guest,
     0,
     [](const Cpu& c) { return c.vmx->timer_expired; },
     {&wait_for_sipi},
     take_preemption_timer,
     always<R::preemption_timer_expired>},
    {"NMI window",
     "NMI-Window Exiting",
     only_guest,
     0,
     [](const Cpu& c) { return has(c, V::nmi_window_exiting); },
     {&by_virtual_nmi, &by_mov_ss, &wait_for_sipi},
     take_nmi_window,
     always<R::nmi_window>},
    {"NMI",
     "Nonmaskable Interrupt (NMI)",
     everywhere,
     0,
     [](const Cpu& c) { return c.nmi_pending || (c.attention & Attention::nmi); },
     {&by_nmi, &by_mov_ss, &wait_for_sipi},
     take_nmi,
     by_control<R::exception_or_nmi, V::nmi_exiting>},
    {"interrupt window",
     "Interrupt-Window Exiting",
     only_guest,
     0,
     [](const Cpu& c) { return has(c, V::interrupt_window_exiting); },
     {&interrupt_flag, &by_sti, &by_mov_ss, &wait_for_sipi, &shutdown},
     take_interrupt_window,
     always<R::interrupt_window>},
    {"virtual interrupt",
     "Virtual-Interrupt Delivery",
     only_guest,
     0,
     [](const Cpu& c) { return c.vmx->virtual_interrupt_pending || c.vmx->requested_vector; },
     {&not_above_vppr, &not_evaluated, &interrupt_flag, &by_sti, &by_mov_ss, &wait_for_sipi, &shutdown},
     take_virtual_interrupt,
     always<no_exit>},
    {"external interrupt",
     "Maskable Hardware Interrupts",
     everywhere,
     Attention::interrupt,
     interrupt_pending,
     {&interrupt_flag_of_external, &by_sti, &by_mov_ss, &wait_for_sipi, &shutdown},
     take_external_interrupt,
     by_control<R::external_interrupt, V::external_interrupt_exiting>},
    // The last: it comes with the next instruction, and its handler begins without another look here.
    {"virtual interrupt of EFLAGS.VIP",
     "Protected-Mode Virtual Interrupts",
     everywhere,
     Attention::virtual_interrupt,
     virtual_interrupt_due,
     {},
     take_virtual_interrupt_fault,
     by_exception_bitmap<Vector::GP>},
};

}  // namespace boundary

inline constexpr std::size_t boundary_event_count = std::size(boundary::events);

}  // namespace ringside
