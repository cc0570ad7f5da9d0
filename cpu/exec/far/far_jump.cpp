// Owns far JMP and far CALL to code segments, in every mode; gates and tasks are handed on.
#include "cpu/exec/events/call_gate.h"
#include "cpu/exec/events/task_switch.h"
#include "cpu/exec/far/far_transfers.h"

namespace ringside {
namespace {

// The stack that a push of the present code goes to.
FrameStack present_stack(const Cpu& cpu) {
  FrameStack stack{&cpu.segment[SS], cpu.gpr[RSP], false, cpu.mode.bits64};
  stack.pointer &= stack.mask();
  return stack;
}

Frame return_address(const Cpu& cpu, unsigned width) {
  Frame frame(width);
  frame.push(cpu.segment[CS].selector);
  frame.push(cpu.next_rip);
  return frame;
}

// Real-address and virtual-8086 mode.
bool transfer_without_protection(Cpu& cpu, u16 selector, u64 offset, unsigned size, bool call) {
  const FrameStack stack = present_stack(cpu);
  const Frame frame = return_address(cpu, size);
  if (call && !reserve_frame(cpu, stack, frame)) return false;
  if (offset > cpu.segment[CS].limit) return refuse(cpu, Vector::GP);
  if (call) {
    if (!write_frame(cpu, stack, frame)) return false;
    cpu.gpr[RSP] = stack.register_after(cpu.gpr[RSP], frame);
  }
  transfer_control(cpu, real_mode_segment(cpu, CS, selector), cpu.cpl, offset);
  return true;
}

// CONFORMING-CODE-SEGMENT and NONCONFORMING-CODE-SEGMENT.
bool transfer_to_code(Cpu& cpu, u16 selector, Descriptor& code, u64 offset, unsigned size, bool call) {
  const bool privilege =
      code.conforming() ? code.dpl() <= cpu.cpl : (selector & 3) <= cpu.cpl && code.dpl() == cpu.cpl;
  if (!privilege || bad_code_size(cpu, code)) return refuse(cpu, Vector::GP, selector);
  if (!code.present()) return refuse(cpu, Vector::NP, selector);
  const FrameStack stack = present_stack(cpu);
  const Frame frame = return_address(cpu, size);
  if (call && !reserve_frame(cpu, stack, frame)) return false;
  if (!check_instruction_pointer(cpu, code, offset) || !set_accessed(cpu, code)) return false;
  if (call) {
    if (!write_frame(cpu, stack, frame)) return false;
    cpu.gpr[RSP] = stack.register_after(cpu.gpr[RSP], frame);
  }
  const u16 cs = static_cast<u16>((selector & ~3u) | cpu.cpl);
  transfer_control(cpu, segment_of(cs, code), cpu.cpl, offset);
  return true;
}

// DPL of a gate or TSS against CPL and RPL, and presence.
bool check_system_privilege(Cpu& cpu, u16 selector, const Descriptor& d) {
  if (d.dpl() < cpu.cpl || d.dpl() < (selector & 3u)) return refuse(cpu, Vector::GP, selector);
  return d.present() || refuse(cpu, Vector::NP, selector);
}

bool transfer_to_system(Cpu& cpu, u16 selector, Descriptor& d, bool call) {
  const TaskSwitch source{call ? TaskSwitch::call : TaskSwitch::jump, cpu.next_rip, cpu.eflags()};
  switch (system_type(d)) {
    case SystemType::call_gate16:
      if (cpu.mode.long_mode) break;
      [[fallthrough]];
    case SystemType::call_gate:
      return check_system_privilege(cpu, selector, d) && transfer_through_call_gate(cpu, selector, d, call);
    case SystemType::task_gate:
      if (cpu.mode.long_mode) break;
      return check_system_privilege(cpu, selector, d) && switch_task_through_gate(cpu, d, source);
    case SystemType::tss16_available:
    case SystemType::tss_available:
      if (cpu.mode.long_mode) break;
      return check_system_privilege(cpu, selector, d) && switch_task(cpu, selector, d, source);
    default: break;
  }
  return refuse(cpu, Vector::GP, selector);
}

bool far_transfer(Cpu& cpu, u16 selector, u64 offset, unsigned size, bool call) {
  if (!cpu.mode.protected_mode) return transfer_without_protection(cpu, selector, offset, size, call);
  if (is_null(selector)) return refuse(cpu, Vector::GP);
  Descriptor d;
  if (!fetch_descriptor(cpu, selector, Vector::GP, d)) return false;
  if (d.is_code()) return transfer_to_code(cpu, selector, d, offset, size, call);
  if (d.is_data()) return refuse(cpu, Vector::GP, selector);
  return transfer_to_system(cpu, selector, d, call);
}

}  // namespace

bool far_jump(Cpu& cpu, u16 selector, u64 offset, unsigned size) {
  return far_transfer(cpu, selector, offset, size, false);
}
bool far_call(Cpu& cpu, u16 selector, u64 offset, unsigned size) {
  return far_transfer(cpu, selector, offset, size, true);
}

}  // namespace ringside
