// Owns IRET, IRETD and IRETQ in every mode.
#include "cpu/exec/core/stack.h"
#include "cpu/exec/core/system_access.h"
#include "cpu/exec/events/task_switch.h"
#include "cpu/exec/far/far_transfers.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

// What is popped, at the places where it lies above the stack pointer.
struct Popped {
  u64 rip = 0, cs = 0, flags = 0, rsp = 0, ss = 0;
};

bool pop_three(Cpu& cpu, unsigned size, Popped& p) {
  return peek_stack(cpu, 0, size, p.rip) && peek_stack(cpu, size, size, p.cs) &&
         peek_stack(cpu, 2 * size, size, p.flags);
}

bool pop_stack(Cpu& cpu, unsigned size, Popped& p) {
  return peek_stack(cpu, 3 * size, size, p.rsp) && peek_stack(cpu, 4 * size, size, p.ss);
}

// The EFLAGS bits that the popped image may change at the present CPL. `size` is the operand size.
u64 writable_flags(const Cpu& cpu, unsigned size) {
  u64 mask = Eflags::arithmetic | Eflags::TF | Eflags::DF | Eflags::NT;
  if (size > 2) mask |= Eflags::RF | Eflags::AC | Eflags::ID;
  if (cpu.cpl <= cpu.iopl()) mask |= Eflags::IF;
  if (cpu.cpl == 0) {
    mask |= Eflags::IOPL;
    if (size > 2) mask |= Eflags::VIF | Eflags::VIP;
  }
  return mask;
}

// All but what software cannot set.
constexpr u64 writable_in_virtual_8086_entry = Eflags::arithmetic | Eflags::TF | Eflags::IF | Eflags::DF |
                                               Eflags::IOPL | Eflags::NT | Eflags::RF | Eflags::VM |
                                               Eflags::AC | Eflags::VIF | Eflags::VIP | Eflags::ID;

// "Changes to Instruction Behavior in VMX Non-Root Operation": whose blocking IRET ends there. What a fault
// of the same IRET reports is that there was some.
void unblock_nmi_in_guest(Cpu& cpu) {
  Vmx& vmx = *cpu.vmx;
  if (!vmx.controls.has(VmxControl::nmi_exiting)) {
    vmx.nmi_unblocked |= cpu.nmi_blocked;
    cpu.nmi_blocked = false;
    if (cpu.nmi_pending) cpu.attention |= Attention::nmi;
  } else if (vmx.controls.has(VmxControl::virtual_nmis) && vmx.virtual_nmi_blocked) {
    vmx.nmi_unblocked = true;
    vmx.virtual_nmi_blocked = false;
    if (vmx.controls.has(VmxControl::nmi_window_exiting)) cpu.attention |= Attention::vmx;
  }
}

void unblock_nmi(Cpu& cpu) {
  if (cpu.non_root) return unblock_nmi_in_guest(cpu);
  cpu.nmi_blocked = false;
  if (cpu.nmi_pending) cpu.attention |= Attention::nmi;
}

bool return_in_real_address_mode(Cpu& cpu, unsigned size) {
  Popped p;
  if (!pop_three(cpu, size, p)) return false;
  if (size == 2) p.rip &= 0xffff;
  if (p.rip > cpu.segment[CS].limit) return refuse(cpu, Vector::GP);
  set_stack_pointer<Legacy>(cpu, stack_offset<Legacy>(cpu, stack_pointer<Legacy>(cpu) + 3 * size));
  const u64 wide = Eflags::RF | Eflags::AC | Eflags::ID;
  const u64 mask = Eflags::arithmetic | Eflags::TF | Eflags::IF | Eflags::DF | Eflags::IOPL | Eflags::NT |
                   (size > 2 ? wide : 0);
  load_flags(cpu, p.flags, mask);
  transfer_control(cpu, real_mode_segment(cpu, CS, static_cast<u16>(p.cs)), 0, p.rip);
  return true;
}

// RETURN-FROM-VIRTUAL-8086-MODE. Staying in it; with IOPL < 3 only by CR4.VME and 16-bit operands.
bool return_from_virtual_8086_mode(Cpu& cpu, unsigned size) {
  const bool trusted = cpu.iopl() == 3;
  if (!trusted && !((cpu.cr4 & Cr4::VME) && size == 2)) return refuse(cpu, Vector::GP);
  Popped p;
  if (!pop_three(cpu, size, p)) return false;
  if (p.rip > 0xffff) return refuse(cpu, Vector::GP);
  u64 mask = Eflags::arithmetic | Eflags::TF | Eflags::DF | Eflags::NT;
  if (trusted) {
    mask |= Eflags::IF | (size > 2 ? Eflags::RF | Eflags::AC | Eflags::ID : 0);
  } else {
    if ((p.flags & Eflags::TF) || ((p.flags & Eflags::IF) && cpu.flag(Eflags::VIP)))
      return refuse(cpu, Vector::GP);
    mask |= Eflags::VIF;
    p.flags = (p.flags & ~Eflags::VIF) | (p.flags & Eflags::IF ? Eflags::VIF : 0);
  }
  set_stack_pointer<Legacy>(cpu, stack_offset<Legacy>(cpu, stack_pointer<Legacy>(cpu) + 3 * size));
  load_flags(cpu, p.flags, mask);
  transfer_control(cpu, real_mode_segment(cpu, CS, static_cast<u16>(p.cs)), 3, p.rip);
  return true;
}

// RETURN-TO-VIRTUAL-8086-MODE: at CPL 0 with VM set in the popped image.
bool return_to_virtual_8086_mode(Cpu& cpu, Popped p) {
  u64 selectors[4];  // ES, DS, FS, GS
  if (!pop_stack(cpu, 4, p)) return false;
  for (unsigned i = 0; i < 4; ++i) {
    if (!peek_stack(cpu, 20 + 4 * i, 4, selectors[i])) return false;
  }
  if (p.rip > 0xffff) return refuse(cpu, Vector::GP);
  cpu.cpl = 3;
  load_flags(cpu, p.flags, writable_in_virtual_8086_entry);
  cpu.update_mode();  // real_mode_segment looks at VM
  cpu.segment[ES] = real_mode_segment(cpu, ES, static_cast<u16>(selectors[0]));
  cpu.segment[DS] = real_mode_segment(cpu, DS, static_cast<u16>(selectors[1]));
  cpu.segment[FS] = real_mode_segment(cpu, FS, static_cast<u16>(selectors[2]));
  cpu.segment[GS] = real_mode_segment(cpu, GS, static_cast<u16>(selectors[3]));
  cpu.segment[SS] = real_mode_segment(cpu, SS, static_cast<u16>(p.ss));
  cpu.gpr[RSP] = static_cast<u32>(p.rsp);
  transfer_control(cpu, real_mode_segment(cpu, CS, static_cast<u16>(p.cs)), 3, p.rip);
  cpu.update_privilege();
  return true;
}

// TASK-RETURN: NT was set.
bool return_from_nested_task(Cpu& cpu) {
  const Segment& tr = cpu.segment[TR];
  u16 link;
  if (!tr.usable()) return refuse(cpu, Vector::TS, tr.selector);
  return read_system(cpu, tr.base, link) && switch_task_back(cpu, link);
}

// The frame of 40 bytes at once where the TLB allows.
bool pop_five_flat(Cpu& cpu, Popped& p) {
  const u64 rsp = cpu.gpr[RSP];
  const u8* host = host_run(cpu.data->read[tlb_index(rsp)], rsp, 40);
  if (!host) return pop_three(cpu, 8, p) && pop_stack(cpu, 8, p);
  std::memcpy(&p.rip, host, 8);
  std::memcpy(&p.cs, host + 8, 8);
  std::memcpy(&p.flags, host + 16, 8);
  std::memcpy(&p.rsp, host + 24, 8);
  std::memcpy(&p.ss, host + 32, 8);
  return true;
}

// RETURN-TO-OUTER-PRIVILEGE-LEVEL and RETURN-TO-SAME-PRIVILEGE-LEVEL; SS:RSP were popped if `with_stack`.
bool return_to_protected_mode(Cpu& cpu, unsigned size, const Popped& p, const Descriptor& code,
                              bool with_stack) {
  const u16 cs = static_cast<u16>(p.cs);
  const u8 rpl = cs & 3;
  const bool to_64bit = runs_64bit(cpu, code);
  Segment ss;
  if (with_stack && !check_return_stack(cpu, static_cast<u16>(p.ss), rpl, to_64bit, ss)) return false;
  if (!check_instruction_pointer(cpu, code, p.rip)) return false;
  const u64 mask = writable_flags(cpu, size);
  if (with_stack) {
    cpu.segment[SS] = ss;
    cpu.gpr[RSP] = returned_stack_pointer(cpu, ss, to_64bit, p.rsp);
  } else {
    set_stack_pointer<Legacy>(cpu, stack_offset<Legacy>(cpu, stack_pointer<Legacy>(cpu) + 3 * size));
  }
  const bool outer = rpl != cpu.cpl;
  transfer_control(cpu, segment_of(cs, code), rpl, p.rip);
  if (outer) drop_inner_segments(cpu, rpl);
  load_flags(cpu, p.flags, mask);
  return true;
}

bool return_in_ia32e_mode(Cpu& cpu, unsigned size) {
  if (cpu.flag(Eflags::NT)) return refuse(cpu, Vector::GP);
  Popped p;
  const bool always_stack = cpu.mode.bits64;
  if (always_stack && size == 8) {
    if (!pop_five_flat(cpu, p)) return false;
  } else if (!pop_three(cpu, size, p) || (always_stack && !pop_stack(cpu, size, p))) {
    return false;
  }
  Descriptor code;
  if (!check_return_segment(cpu, static_cast<u16>(p.cs), code)) return false;
  const bool outer = (p.cs & 3) != cpu.cpl;
  if (outer && !always_stack && !pop_stack(cpu, size, p)) return false;
  return return_to_protected_mode(cpu, size, p, code, always_stack || outer);
}

bool return_by_mode(Cpu& cpu, unsigned size) {
  if (cpu.mode.long_mode) [[likely]]
    return return_in_ia32e_mode(cpu, size);
  if (cpu.mode.v86) return return_from_virtual_8086_mode(cpu, size);
  if (!cpu.mode.protected_mode) return return_in_real_address_mode(cpu, size);
  if (cpu.flag(Eflags::NT)) return return_from_nested_task(cpu);
  Popped p;
  if (!pop_three(cpu, size, p)) return false;
  if (size > 2 && (p.flags & Eflags::VM) && cpu.cpl == 0) return return_to_virtual_8086_mode(cpu, p);
  Descriptor code;
  if (!check_return_segment(cpu, static_cast<u16>(p.cs), code)) return false;
  const bool outer = (p.cs & 3) != cpu.cpl;
  if (outer && !pop_stack(cpu, size, p)) return false;
  return return_to_protected_mode(cpu, size, p, code, outer);
}

}  // namespace

bool interrupt_return(Cpu& cpu, unsigned size) {
  unblock_nmi(cpu);
  const bool returned = return_by_mode(cpu, size);
  if (returned && cpu.non_root) cpu.vmx->nmi_unblocked = false;
  return returned;
}

}  // namespace ringside
