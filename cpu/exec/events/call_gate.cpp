// Owns far JMP and CALL through 16-, 32- and 64-bit call gates.
#include "cpu/exec/events/call_gate.h"

#include "cpu/exec/core/stack.h"
#include "cpu/exec/events/frame.h"
#include "cpu/exec/events/transfer.h"

namespace ringside {
namespace {

struct Target {
  u16 selector;
  Descriptor code;
  u64 offset;
  unsigned width;       // of what is pushed
  unsigned parameters;  // to be copied to an inner stack
};

// The upper half of a 64-bit call gate: its type field must be 0.
bool read_upper_half(Cpu& cpu, u16 gate_selector, Descriptor& gate) {
  if (!fetch_upper_half(cpu, gate_selector, Vector::GP, gate)) return false;
  if (gate.high >> 40 & 0x1f) return refuse(cpu, Vector::GP, gate_selector);
  gate.high &= 0xffffffff;
  return true;
}

bool check_target(Cpu& cpu, Target& t, bool call) {
  if (is_null(t.selector)) return refuse(cpu, Vector::GP);
  if (!fetch_descriptor(cpu, t.selector, Vector::GP, t.code)) return false;
  const Descriptor& code = t.code;
  const bool privilege = call || code.conforming() ? code.dpl() <= cpu.cpl : code.dpl() == cpu.cpl;
  const bool size = !cpu.mode.long_mode || (code.long_mode() && !code.default_big());
  if (!code.is_code() || !privilege || !size) return refuse(cpu, Vector::GP, t.selector);
  return code.present() || refuse(cpu, Vector::NP, t.selector);
}

void transfer_to(Cpu& cpu, const Target& t, u8 cpl) {
  const u16 selector = static_cast<u16>((t.selector & ~3u) | cpl);
  transfer_control(cpu, segment_of(selector, t.code), cpl, t.offset);
}

bool same_privilege(Cpu& cpu, Target& t, bool call) {
  FrameStack stack{&cpu.segment[SS], cpu.gpr[RSP], false, cpu.mode.long_mode};
  stack.pointer &= stack.mask();
  Frame frame(t.width);
  if (call) {
    frame.push(cpu.segment[CS].selector);
    frame.push(cpu.next_rip);
    if (!reserve_frame(cpu, stack, frame)) return false;
  }
  if (!check_instruction_pointer(cpu, t.code, t.offset) || !set_accessed(cpu, t.code)) return false;
  if (call) {
    if (!write_frame(cpu, stack, frame)) return false;
    cpu.gpr[RSP] = stack.register_after(cpu.gpr[RSP], frame);
  }
  transfer_to(cpu, t, cpu.cpl);
  return true;
}

// MORE-PRIVILEGE, 64-bit: no parameters, SS becomes null.
bool more_privilege64(Cpu& cpu, Target& t) {
  const u8 cpl = static_cast<u8>(t.code.dpl());
  u64 rsp;
  if (!stack_from_tss64(cpu, cpl, rsp)) return false;
  const FrameStack stack{nullptr, rsp, true, true};
  Frame frame(8);
  frame.push(cpu.segment[SS].selector);
  frame.push(cpu.gpr[RSP]);
  frame.push(cpu.segment[CS].selector);
  frame.push(cpu.next_rip);
  if (!reserve_frame(cpu, stack, frame) || !check_instruction_pointer(cpu, t.code, t.offset) ||
      !set_accessed(cpu, t.code) || !write_frame(cpu, stack, frame))
    return false;
  cpu.gpr[RSP] = stack.after(frame);
  cpu.segment[SS] = null_stack_segment(cpl, cpl);
  transfer_to(cpu, t, cpl);
  return true;
}

// MORE-PRIVILEGE: the return stack, the parameters and the return address go to the inner stack.
bool more_privilege(Cpu& cpu, Target& t) {
  const u8 cpl = static_cast<u8>(t.code.dpl());
  u32 esp;
  Segment ss;
  if (!stack_from_tss(cpu, cpl, ss, esp)) return false;
  FrameStack stack{&ss, esp, true};
  stack.pointer &= stack.mask();
  Frame frame(t.width);
  frame.push(cpu.segment[SS].selector);
  frame.push(cpu.gpr[RSP]);
  for (unsigned i = t.parameters; i-- > 0;) {
    u64 value;
    if (!peek_stack(cpu, i * t.width, t.width, value)) return false;
    frame.push(value);
  }
  frame.push(cpu.segment[CS].selector);
  frame.push(cpu.next_rip);
  if (!reserve_frame(cpu, stack, frame) || !check_instruction_pointer(cpu, t.code, t.offset) ||
      !set_accessed(cpu, t.code) || !write_frame(cpu, stack, frame))
    return false;
  cpu.segment[SS] = ss;
  cpu.gpr[RSP] = stack.register_after(esp, frame);
  transfer_to(cpu, t, cpl);
  return true;
}

}  // namespace

bool transfer_through_call_gate(Cpu& cpu, u16 gate_selector, Descriptor& gate, bool call) {
  const bool wide = cpu.mode.long_mode;
  if (wide && !read_upper_half(cpu, gate_selector, gate)) return false;
  Target t{gate.gate_selector(),
           {},
           gate.gate_offset(),
           wide ? 8u : 4u,
           static_cast<unsigned>(gate.low >> 32) & 31};
  if (!wide && system_type(gate) == SystemType::call_gate16) {
    t.width = 2;
    t.offset &= 0xffff;
  }
  if (!check_target(cpu, t, call)) return false;
  const bool inner = call && !t.code.conforming() && t.code.dpl() < cpu.cpl;
  if (!inner) return same_privilege(cpu, t, call);
  return wide ? more_privilege64(cpu, t) : more_privilege(cpu, t);
}

}  // namespace ringside
