// Owns the delivery of one event: real-address mode, and the choice of the way by mode.
#include "cpu/exec/events/deliver.h"

#include "cpu/exec/core/alone.h"
#include "cpu/exec/core/block.h"
#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/core/system_access.h"
#include "cpu/exec/core/last_branches.h"
#include "cpu/state/observer.h"
#include "vmx/event_exits.h"

namespace ringside {
namespace {

// The manual's "Masking Instruction-Breakpoint Debug Exceptions": which value of RF is saved. A #DB of an
// instruction breakpoint never finds RF set.
u64 saved_flags(const Cpu& cpu, const Event& event) {
  const bool fault = event.type == EventType::hardware_exception && event.vector != 1 && event.vector != 18;
  return cpu.eflags() | (fault ? Eflags::RF : 0);
}

}  // namespace

bool deliver_in_real_address_mode(Cpu& cpu, const Delivery& d) {
  const u8 vector = d.event.vector;
  if (vector * 4u + 3 > cpu.idtr.limit) return refuse_vector(cpu, Vector::GP, vector);
  u32 pointer;
  if (!read_system(cpu, cpu.idtr.base + vector * 4u, pointer)) return false;
  Frame frame(2);
  frame.push(d.flags & 0xffff);
  frame.push(cpu.segment[CS].selector);
  frame.push(d.return_rip & 0xffff);
  const FrameStack stack{&cpu.segment[SS], cpu.gpr[RSP] & (cpu.mode.stack_bits == 16 ? 0xffff : 0xffffffff)};
  const u16 ip = static_cast<u16>(pointer);
  if (!reserve_frame(cpu, stack, frame)) return false;
  if (ip > cpu.segment[CS].limit) return refuse(cpu, Vector::GP);
  if (!write_frame(cpu, stack, frame)) return false;
  cpu.gpr[RSP] = stack.register_after(cpu.gpr[RSP], frame);
  cpu.set_eflags(0, Eflags::IF | Eflags::TF | Eflags::AC | Eflags::RF);
  transfer_control(cpu, real_mode_segment(cpu, CS, static_cast<u16>(pointer >> 16)), 0, ip);
  return true;
}

bool check_handler_segment(Cpu& cpu, u16 selector, Descriptor& code, u8& cpl) {
  if (is_null(selector)) return refuse(cpu, Vector::GP);
  if (!fetch_descriptor(cpu, selector, Vector::GP, code)) return false;
  if (!code.is_code() || code.dpl() > cpu.cpl) return refuse(cpu, Vector::GP, selector);
  if (cpu.mode.long_mode && (!code.long_mode() || code.default_big()))
    return refuse(cpu, Vector::GP, selector);
  if (!code.present()) return refuse(cpu, Vector::NP, selector);
  cpl = code.conforming() ? cpu.cpl : static_cast<u8>(code.dpl());
  if (cpu.mode.v86 && cpl != 0) return refuse(cpu, Vector::GP, selector);
  return set_accessed(cpu, code);
}

bool deliver(Cpu& cpu, const Delivery& d) {
  bool delivered;
  if (cpu.mode.long_mode) [[likely]]
    delivered = deliver_in_ia32e_mode(cpu, d);
  else if (cpu.mode.protected_mode || cpu.mode.v86)
    delivered = deliver_in_protected_mode(cpu, d);
  else
    delivered = deliver_in_real_address_mode(cpu, d);
  if (delivered) [[likely]]
    return true;
  if (cpu.chain_end != ChainEnd::fault) return false;
  switch (cpu.fault.vector) {
    case Vector::TS:
    case Vector::NP:
    case Vector::SS:
    case Vector::GP: cpu.fault.error |= d.ext(); break;
    default: break;
  }
  return false;
}

Outcome outcome_of(Cpu& cpu, bool delivered) {
  if (delivered) return Outcome::delivered;
  if (cpu.chain_end == ChainEnd::fault) return Outcome::fault;
  complete_exit(cpu, undone_length(cpu));
  return Outcome::exit;
}

Outcome deliver_event(Cpu& cpu, const Event& event, u64 return_rip) {
  const Alone alone(cpu);  // between instructions nothing runs that a write could pull away
  const Outcome outcome = outcome_of(cpu, deliver(cpu, {event, return_rip, saved_flags(cpu, event)}));
  if (outcome != Outcome::delivered) return outcome;
  cpu.rip = cpu.next_rip;
  tell_entered(cpu, event, return_rip);
  return outcome;
}

namespace {

// Of INT n and its like the instruction makes the branch record, as it does of any other branch.
void record_event(Cpu& cpu, EventType type, u64 from) {
  if (!records_branches(cpu)) [[likely]]
    return;
  record_last_exception(cpu);
  if (!by_instruction(type)) record_branch(cpu, Branch::far, from, cpu.rip);
}

}  // namespace

void tell_entered(Cpu& cpu, const Fault& fault, u64 from) {
  record_event(cpu, EventType::hardware_exception, from);
  if (cpu.observers) [[unlikely]]
    cpu.observers.tell([&](CpuObserver& o) { o.exception(cpu, fault, from); });
}

void tell_entered(Cpu& cpu, const Event& event, u64 from) {
  record_event(cpu, event.type, from);
  if (!cpu.observers) [[likely]]
    return;
  const Fault fault = Fault::exception(static_cast<Vector>(event.vector), event.error);
  cpu.observers.tell([&](CpuObserver& o) {
    if (is_exception(event.type))
      o.exception(cpu, fault, from);
    else
      o.interrupt(cpu, event.vector, from);
  });
}

bool software_interrupt(Cpu& cpu, EventType type, u8 vector, u64 return_rip, unsigned length) {
  const bool stepping = cpu.flag(Eflags::TF);
  const Delivery d{{type, vector, false, 0}, return_rip, cpu.eflags()};
  const bool redirected = cpu.mode.v86 && type == EventType::software_interrupt;
  if (cpu.non_root) [[unlikely]] {
    ExitInfo exit;
    if (software_exception_exits(cpu, d.event, length, exit)) return request_exit(cpu, exit);
    begin_vectoring(cpu, d.event, length);
  }
  const bool delivered = redirected ? software_interrupt_in_virtual_8086_mode(cpu, d) : deliver(cpu, d);
  // Where it faulted or exits the record stays: that tells of it.
  if (cpu.non_root && (delivered || cpu.chain_end == ChainEnd::alone)) [[unlikely]]
    cpu.vmx->vectoring = {};
  if (!delivered) return false;
  cpu.step_consumed = stepping;
  tell_entered(cpu, d.event, return_rip);
  // What MOV SS left pending goes with the #DB of INT1; with INT n and INT3 it comes after, in their handler.
  if (type == EventType::privileged_software_exception && cpu.pending_debug) {
    record_debug_exception(cpu, cpu.pending_debug);
    cpu.pending_debug = 0;
  }
  return true;
}

}  // namespace ringside
