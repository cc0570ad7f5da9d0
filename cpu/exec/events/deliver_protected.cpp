// Owns the manual's "Interrupt and Exception Handling" in protected mode and from virtual-8086 mode.
#include "cpu/exec/core/system_access.h"
#include "cpu/exec/events/deliver.h"
#include "cpu/exec/events/task_switch.h"

namespace ringside {
namespace {

bool is_interrupt_or_trap_gate(const Descriptor& gate) {
  switch (system_type(gate)) {
    case SystemType::interrupt_gate16:
    case SystemType::trap_gate16:
    case SystemType::interrupt_gate:
    case SystemType::trap_gate: return gate.is_system();
    default: return false;
  }
}

void push_return(const Cpu& cpu, const Delivery& d, Frame& frame) {
  frame.push(d.flags);
  frame.push(cpu.segment[CS].selector);
  frame.push(d.return_rip);
  if (d.event.has_error) frame.push(d.event.error);
}

void start_handler(Cpu& cpu, const Descriptor& gate, const Descriptor& code, u8 cpl) {
  const bool masks =
      system_type(gate) == SystemType::interrupt_gate || system_type(gate) == SystemType::interrupt_gate16;
  const bool wide = gate.type() & 8;
  const u64 offset = wide ? gate.gate_offset() : gate.gate_offset() & 0xffff;
  const u16 selector = static_cast<u16>((gate.gate_selector() & ~3u) | cpl);
  cpu.set_eflags(0, Eflags::TF | Eflags::NT | Eflags::RF | Eflags::VM | (masks ? Eflags::IF : 0));
  transfer_control(cpu, segment_of(selector, code), cpl, offset);
}

bool check_entry(Cpu& cpu, const Descriptor& gate, const Descriptor& code) {
  return check_instruction_pointer(cpu, code, gate.gate_offset() & (gate.type() & 8 ? 0xffffffff : 0xffff));
}

// INTRA-PRIVILEGE-LEVEL-INTERRUPT.
bool same_privilege(Cpu& cpu, const Delivery& d, const Descriptor& gate, const Descriptor& code) {
  Frame frame(gate.type() & 8 ? 4 : 2);
  push_return(cpu, d, frame);
  FrameStack stack{&cpu.segment[SS], cpu.gpr[RSP]};
  stack.pointer &= stack.mask();
  if (!reserve_frame(cpu, stack, frame) || !check_entry(cpu, gate, code) || !write_frame(cpu, stack, frame))
    return false;
  cpu.gpr[RSP] = stack.register_after(cpu.gpr[RSP], frame);
  start_handler(cpu, gate, code, cpu.cpl);
  return true;
}

// INTER-PRIVILEGE-LEVEL-INTERRUPT and INTERRUPT-FROM-VIRTUAL-8086-MODE.
bool inner_privilege(Cpu& cpu, const Delivery& d, const Descriptor& gate, const Descriptor& code, u8 cpl) {
  u32 esp;
  Segment ss;
  if (!stack_from_tss(cpu, cpl, ss, esp)) return false;
  Frame frame(gate.type() & 8 ? 4 : 2);
  const bool from_v86 = cpu.mode.v86;
  if (from_v86) {
    for (const SegReg reg : {GS, FS, DS, ES}) frame.push(cpu.segment[reg].selector);
  }
  frame.push(cpu.segment[SS].selector);
  frame.push(cpu.gpr[RSP] & 0xffffffff);
  push_return(cpu, d, frame);
  FrameStack stack{&ss, esp, true};
  stack.pointer &= stack.mask();
  if (!reserve_frame(cpu, stack, frame) || !check_entry(cpu, gate, code) || !write_frame(cpu, stack, frame))
    return false;
  cpu.segment[SS] = ss;
  cpu.gpr[RSP] = stack.register_after(esp, frame);
  if (from_v86) {
    for (const SegReg reg : {GS, FS, DS, ES}) cpu.segment[reg] = null_segment(0);
  }
  start_handler(cpu, gate, code, cpl);
  return true;
}

}  // namespace

bool deliver_in_protected_mode(Cpu& cpu, const Delivery& d) {
  const u8 vector = d.event.vector;
  if (vector * 8u + 7 > cpu.idtr.limit) return refuse_vector(cpu, Vector::GP, vector);
  Descriptor gate;
  if (!read_system(cpu, cpu.idtr.base + vector * 8u, gate.low)) return false;
  const bool task_gate = gate.is_system() && system_type(gate) == SystemType::task_gate;
  if ((!task_gate && !is_interrupt_or_trap_gate(gate)) || (d.checks_gate_privilege() && gate.dpl() < cpu.cpl))
    return refuse_vector(cpu, Vector::GP, vector);
  if (!gate.present()) return refuse_vector(cpu, Vector::NP, vector);
  if (task_gate) {
    const bool instruction = d.event.type >= EventType::software_interrupt;
    const TaskSwitch source{TaskSwitch::interrupt, d.return_rip,  d.flags,
                            d.event.has_error,     d.event.error, !instruction};
    return switch_task_through_gate(cpu, gate, source);
  }
  Descriptor code;
  u8 cpl;
  if (!check_handler_segment(cpu, gate.gate_selector(), code, cpl)) return false;
  return cpl < cpu.cpl ? inner_privilege(cpu, d, gate, code, cpl) : same_privilege(cpu, d, gate, code);
}

}  // namespace ringside
