// Owns the manual's "Interrupt and Exception Handling in 64-bit Mode".
#include "cpu/exec/core/system_access.h"
#include "cpu/exec/events/deliver.h"

namespace ringside {
namespace {

// Where the frame goes: the interrupt stack table, the inner stack of the TSS, or on from the present one.
bool choose_stack(Cpu& cpu, unsigned ist, u8 cpl, u64& rsp) {
  if (ist) {
    if (!interrupt_stack_from_tss(cpu, ist, rsp)) return false;
  } else if (cpl < cpu.cpl) {
    if (!stack_from_tss64(cpu, cpl, rsp)) return false;
  } else {
    rsp = cpu.gpr[RSP];
  }
  rsp &= ~u64{15};
  return true;
}

// All values at once where the TLB allows, one by one (probed before) where not.
bool push_frame64(Cpu& cpu, u64 rsp, const u64* values, unsigned count, bool inner) {
  const unsigned bytes = count * 8;
  const TlbView* view = inner ? cpu.mmu.supervisor_view() : cpu.data;
  if (u8* host = host_run(view->write[tlb_index(rsp - bytes)], rsp - bytes, bytes)) [[likely]] {
    std::memcpy(host, values, bytes);
    return true;
  }
  Frame frame(8);
  while (count) frame.push(values[--count]);
  const FrameStack stack{nullptr, rsp, inner, true};
  return reserve_frame(cpu, stack, frame) && write_frame(cpu, stack, frame);
}

}  // namespace

bool deliver_in_ia32e_mode(Cpu& cpu, const Delivery& d) {
  const u8 vector = d.event.vector;
  if (vector * 16u + 15 > cpu.idtr.limit) return refuse_vector(cpu, Vector::GP, vector);
  Descriptor gate;
  const u64 gate_at = cpu.idtr.base + vector * 16u;
  if (!read_system(cpu, gate_at, gate.low) || !read_system(cpu, gate_at + 8, gate.high)) return false;
  const bool trap_gate = gate.type() == static_cast<unsigned>(SystemType::trap_gate);
  if (!gate.is_system() || (!trap_gate && system_type(gate) != SystemType::interrupt_gate) ||
      (d.checks_gate_privilege() && gate.dpl() < cpu.cpl))
    return refuse_vector(cpu, Vector::GP, vector);
  if (!gate.present()) return refuse_vector(cpu, Vector::NP, vector);

  Descriptor code;
  u8 cpl;
  u64 rsp;
  if (!check_handler_segment(cpu, gate.gate_selector(), code, cpl) ||
      !choose_stack(cpu, static_cast<unsigned>(gate.low >> 32) & 7, cpl, rsp))
    return false;
  const u64 rip = gate.gate_offset();
  if (!cpu.mmu.canonical(rip)) return refuse(cpu, Vector::GP);

  // Lowest address first.
  const u64 frame[] = {d.event.error, d.return_rip, cpu.segment[CS].selector,
                       d.flags,       cpu.gpr[RSP], cpu.segment[SS].selector};
  const unsigned skip = d.event.has_error ? 0 : 1;
  const bool inner = cpl < cpu.cpl;
  if (!push_frame64(cpu, rsp, frame + skip, 6 - skip, inner)) return false;

  cpu.gpr[RSP] = rsp - 8 * (6 - skip);
  if (inner) cpu.segment[SS] = null_stack_segment(cpl, cpl);
  const u64 cleared = Eflags::TF | Eflags::NT | Eflags::RF | (trap_gate ? 0 : Eflags::IF);
  if (cpu.system_flags & Eflags::TF)
    cpu.set_eflags(0, cleared);
  else
    cpu.system_flags &= ~cleared;
  const u16 selector = static_cast<u16>((gate.gate_selector() & ~3u) | cpl);
  if (inner || selector != cpu.segment[CS].selector || !cpu.mode.bits64)
    transfer_control(cpu, segment_of(selector, code), cpl, rip);
  else
    cpu.next_rip = rip;
  return true;
}

}  // namespace ringside
