// Owns INT n in virtual-8086 mode: IOPL, and the interrupt redirection bitmap of CR4.VME.
#include "cpu/exec/core/system_access.h"
#include "cpu/exec/events/deliver.h"

namespace ringside {
namespace {

// The vector's bit of the software interrupt redirection bitmap: the 32 bytes before the I/O permission
// bitmap. Set: the interrupt goes to the protected-mode handler.
bool read_redirection(Cpu& cpu, u8 vector, bool& redirected) {
  const Segment& tr = cpu.segment[TR];
  u16 io_map;
  if (!tr.usable() || tr.limit < 103) return refuse(cpu, Vector::GP);
  if (!read_system(cpu, tr.base + 102, io_map)) return false;
  const u32 at = io_map - 32u + vector / 8;
  u8 byte;
  if (at > tr.limit) return refuse(cpu, Vector::GP);
  if (!read_system(cpu, tr.base + at, byte)) return false;
  redirected = byte >> (vector & 7) & 1;
  return true;
}

// To the 8086 program's own handler, by the interrupt vector table at linear address 0. Below IOPL 3 VIF
// stands for IF and IOPL looks like 3.
bool deliver_to_8086_handler(Cpu& cpu, const Delivery& d) {
  u32 pointer;
  if (!read_system(cpu, d.event.vector * 4u, pointer)) return false;
  const bool virtual_if = cpu.iopl() < 3;
  u64 flags = d.flags;
  if (virtual_if) flags = (flags & ~Eflags::IF) | Eflags::IOPL | (flags & Eflags::VIF ? Eflags::IF : 0);
  Frame frame(2);
  frame.push(flags & 0xffff);
  frame.push(cpu.segment[CS].selector);
  frame.push(d.return_rip & 0xffff);
  const FrameStack stack{&cpu.segment[SS], cpu.gpr[RSP] & 0xffff};
  if (!reserve_frame(cpu, stack, frame) || !write_frame(cpu, stack, frame)) return false;
  cpu.gpr[RSP] = stack.register_after(cpu.gpr[RSP], frame);
  cpu.set_eflags(0, Eflags::TF | Eflags::RF | Eflags::NT | (virtual_if ? Eflags::VIF : Eflags::IF));
  transfer_control(cpu, real_mode_segment(cpu, CS, static_cast<u16>(pointer >> 16)), 3, pointer & 0xffff);
  return true;
}

}  // namespace

bool software_interrupt_in_virtual_8086_mode(Cpu& cpu, const Delivery& d, bool injected) {
  if (cpu.cr4 & Cr4::VME) {
    bool redirected;
    if (!read_redirection(cpu, d.event.vector, redirected)) return false;
    if (!redirected) return deliver_to_8086_handler(cpu, d);
  }
  return cpu.iopl() == 3 || injected ? deliver(cpu, d) : refuse(cpu, Vector::GP);
}

}  // namespace ringside
