// Owns far RET, and the checks of a return's code and stack segment that IRET shares.
#include "cpu/exec/core/stack.h"
#include "cpu/exec/far/far_transfers.h"

namespace ringside {

bool check_return_segment(Cpu& cpu, u16 selector, Descriptor& code) {
  if (is_null(selector)) return refuse(cpu, Vector::GP);
  if (!fetch_descriptor(cpu, selector, Vector::GP, code)) return false;
  const unsigned rpl = selector & 3;
  const bool privilege = code.conforming() ? code.dpl() <= rpl : code.dpl() == rpl;
  if (!code.is_code() || rpl < cpu.cpl || !privilege || bad_code_size(cpu, code))
    return refuse(cpu, Vector::GP, selector);
  if (!code.present()) return refuse(cpu, Vector::NP, selector);
  return set_accessed(cpu, code);
}

bool check_return_stack(Cpu& cpu, u16 selector, u8 rpl, bool to_64bit, Segment& ss) {
  if (is_null(selector) && to_64bit && rpl != 3 && (selector & 3) == rpl) {
    ss = null_stack_segment(selector, rpl);
    return true;
  }
  return check_stack_segment(cpu, selector, rpl, Vector::GP, ss);
}

u64 returned_stack_pointer(const Cpu& cpu, const Segment& ss, bool to_64bit, u64 popped) {
  if (to_64bit) return popped;
  if (ss.db()) return static_cast<u32>(popped);
  return (cpu.gpr[RSP] & ~u64{0xffff}) | (popped & 0xffff);
}

namespace {

u64 released(Cpu& cpu, u64 bytes) { return stack_offset<Legacy>(cpu, stack_pointer<Legacy>(cpu) + bytes); }

bool return_without_protection(Cpu& cpu, unsigned size, u16 release) {
  u64 rip, cs;
  if (!peek_stack(cpu, 0, size, rip) || !peek_stack(cpu, size, size, cs)) return false;
  if (rip > cpu.segment[CS].limit) return refuse(cpu, Vector::GP);
  set_stack_pointer<Legacy>(cpu, released(cpu, 2 * size + release));
  transfer_control(cpu, real_mode_segment(cpu, CS, static_cast<u16>(cs)), cpu.cpl, rip);
  return true;
}

bool return_to_outer_privilege(Cpu& cpu, unsigned size, u16 release, u16 cs, u64 rip,
                               const Descriptor& code) {
  const u8 rpl = cs & 3;
  const bool to_64bit = runs_64bit(cpu, code);
  u64 rsp, ss_selector;
  Segment ss;
  if (!peek_stack(cpu, 2 * size + release, size, rsp) ||
      !peek_stack(cpu, 3 * size + release, size, ss_selector) ||
      !check_return_stack(cpu, static_cast<u16>(ss_selector), rpl, to_64bit, ss) ||
      !check_instruction_pointer(cpu, code, rip))
    return false;
  cpu.segment[SS] = ss;
  const u64 pointer = to_64bit || ss.db() ? rsp + release : (rsp + release) & 0xffff;
  cpu.gpr[RSP] = returned_stack_pointer(cpu, ss, to_64bit, pointer);
  transfer_control(cpu, segment_of(cs, code), rpl, rip);
  drop_inner_segments(cpu, rpl);
  return true;
}

}  // namespace

bool far_return(Cpu& cpu, unsigned size, u16 release) {
  if (!cpu.mode.protected_mode) return return_without_protection(cpu, size, release);
  u64 rip, cs_value;
  if (!peek_stack(cpu, 0, size, rip) || !peek_stack(cpu, size, size, cs_value)) return false;
  const u16 cs = static_cast<u16>(cs_value);
  Descriptor code;
  if (!check_return_segment(cpu, cs, code)) return false;
  if ((cs & 3) != cpu.cpl) return return_to_outer_privilege(cpu, size, release, cs, rip, code);
  if (!check_instruction_pointer(cpu, code, rip)) return false;
  set_stack_pointer<Legacy>(cpu, released(cpu, 2 * size + release));
  transfer_control(cpu, segment_of(cs, code), cpu.cpl, rip);
  return true;
}

}  // namespace ringside
