// Owns the turn of faults and events on their way into VM exits.
#include "vmx/event_exits.h"

#include "vmx/ept_exit.h"

namespace ringside {
namespace {

bool pushes_error(const Cpu& cpu, const Fault& fault) {
  return has_error_code(fault.vector) && (cpu.cr0 & Cr0::PE);
}

u32 information_of(const Cpu& cpu, const Fault& fault) {
  return Interruption::make(static_cast<u8>(fault.vector), EventType::hardware_exception,
                            pushes_error(cpu, fault));
}

// A bit of the exception bitmap, whose sense for page faults the error code may turn.
bool intercepted(const ActiveControls& c, const Fault& fault) {
  const bool wanted = c.exception_bitmap >> static_cast<unsigned>(fault.vector) & 1;
  if (fault.vector != Vector::PF) return wanted;
  return wanted == ((fault.error & c.page_fault_mask) == c.page_fault_match);
}

u64 qualification_of(const Fault& fault) {
  constexpr u64 debug = Dr6::B0 | Dr6::B1 | Dr6::B2 | Dr6::B3 | Dr6::BD | Dr6::BS;
  switch (fault.vector) {
    case Vector::DB: return fault.address & debug;
    case Vector::PF: return fault.address;
    default: return 0;
  }
}

void set_resume_flag(Cpu& cpu, bool value) {
  cpu.system_flags = (cpu.system_flags & ~Eflags::RF) | (value ? Eflags::RF : 0);
}

// What was being delivered, and the length of the instruction behind it.
void add_vectoring(const Cpu& cpu, ExitInfo& exit) {
  const Vmx::Vectoring& v = cpu.vmx->vectoring;
  if (!(v.information & Interruption::valid)) return;
  exit.vectoring = v.information;
  exit.vectoring_error = v.error;
  if (by_instruction(Interruption::type(v.information))) exit.instruction_length = v.length;
}

bool vectoring(const Cpu& cpu) { return cpu.vmx->vectoring.information & Interruption::valid; }

// An exception leaves no trace in DR6 or CR2.
void exit_by_exception(Cpu& cpu, const Fault& fault, u64 flags) {
  ExitInfo exit;
  exit.reason = ExitReason::exception_or_nmi;
  exit.qualification = qualification_of(fault);
  exit.interruption = information_of(cpu, fault);
  if (pushes_error(cpu, fault)) exit.interruption_error = fault.error;
  exit.cause = {ExitCause::Kind::exception_bitmap, VmxControl::count, static_cast<u64>(fault.vector)};
  add_vectoring(cpu, exit);
  if (cpu.vmx->nmi_unblocked && !vectoring(cpu) && fault.vector != Vector::DF)
    exit.interruption |= Interruption::nmi_unblocking;
  set_resume_flag(cpu, flags & Eflags::RF);
  cpu.vmx->exit = exit;
}

// RF as the manual's "Saving RIP, RSP, RFLAGS, and SSP" has it for accesses that the guest may repeat.
void set_resume_flag_of_access(Cpu& cpu) {
  set_resume_flag(cpu, vectoring(cpu) ? cpu.vmx->vectoring.resume : true);
}

// Software counts on the length for accesses to devices, though the manual leaves it undefined there. Of a
// delivery add_vectoring knows better.
void exit_by_second_stage(Cpu& cpu, const Fault& fault, u32 accessing_length) {
  ExitInfo exit = ept_exit(cpu, fault);
  if (!vectoring(cpu)) exit.instruction_length = accessing_length;
  add_vectoring(cpu, exit);
  const bool tells_unblocking =
      exit.reason == ExitReason::ept_violation || exit.reason == ExitReason::page_modification_log_full;
  if (tells_unblocking && cpu.vmx->nmi_unblocked && !vectoring(cpu))
    exit.qualification |= Interruption::nmi_unblocking;
  set_resume_flag_of_access(cpu);
  cpu.vmx->exit = exit;
}

}  // namespace

void complete_exit(Cpu& cpu, u32 accessing_length) {
  Vmx& vmx = *cpu.vmx;
  ExitInfo& exit = vmx.exit;
  if (exit.reason == ExitReason::apic_access && !vectoring(cpu)) exit.instruction_length = accessing_length;
  add_vectoring(cpu, exit);
  switch (exit.reason) {
    case ExitReason::task_switch:
      // Of a task switch by a task gate only software interrupts and exceptions have a length: add_vectoring.
      if (vmx.task_return_rip) exit.instruction_length = static_cast<u32>(vmx.task_return_rip - cpu.rip);
      set_resume_flag(cpu, vectoring(cpu) && vmx.vectoring.resume);
      break;
    case ExitReason::apic_access:
    case ExitReason::ept_violation:
    case ExitReason::page_modification_log_full: set_resume_flag_of_access(cpu); break;
    default: set_resume_flag(cpu, false); break;
  }
}

void begin_vectoring(Cpu& cpu, const Event& event, u32 length) {
  Vmx::Vectoring& v = cpu.vmx->vectoring;
  v.information = Interruption::make(event.vector, event.type, event.has_error);
  v.error = event.has_error ? event.error : 0;
  v.length = length;
  v.resume = cpu.flag(Eflags::RF);
}

void begin_vectoring(Cpu& cpu, const Fault& fault, u64 flags) {
  Vmx::Vectoring& v = cpu.vmx->vectoring;
  v.information = information_of(cpu, fault);
  v.error = pushes_error(cpu, fault) ? fault.error : 0;
  v.length = 0;
  v.resume = flags & Eflags::RF;
  cpu.activity = Activity::active;
  cpu.attention &= ~Attention::activity;
}

bool exits_by_fault(Cpu& cpu, Fault& fault, u64 flags, u32 accessing_length) {
  if (fault.kind == Fault::Kind::second_stage &&
      !convert_to_virtualization_exception(cpu, fault, vectoring(cpu))) {
    exit_by_second_stage(cpu, fault, accessing_length);
    return true;
  }
  if (!intercepted(cpu.vmx->controls, fault)) return false;
  exit_by_exception(cpu, fault, flags);
  return true;
}

// RIP and flags are those of the double fault's delivery; no event counts as being delivered.
void exit_by_triple_fault(Cpu& cpu) {
  cpu.vmx->exit = {};
  cpu.vmx->exit.reason = ExitReason::triple_fault;
}

bool software_exception_exits(const Cpu& cpu, const Event& event, u32 length, ExitInfo& exit) {
  if (event.type == EventType::software_interrupt) return false;
  if (!(cpu.vmx->controls.exception_bitmap >> event.vector & 1)) return false;
  exit.reason = ExitReason::exception_or_nmi;
  exit.interruption = Interruption::make(event.vector, event.type, false);
  exit.instruction_length = length;
  exit.cause = {ExitCause::Kind::exception_bitmap, VmxControl::count, event.vector};
  return true;
}

ExitInfo task_switch_exit(Cpu& cpu, u16 selector, TaskSwitchSource source, u64 return_rip) {
  constexpr unsigned source_shift = 30;
  ExitInfo exit;
  exit.reason = ExitReason::task_switch;
  exit.qualification = selector | static_cast<u64>(source) << source_shift;
  cpu.vmx->task_return_rip = return_rip;
  return exit;
}

}  // namespace ringside
