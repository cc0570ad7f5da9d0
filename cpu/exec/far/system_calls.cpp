// Owns SYSCALL, SYSRET, SYSENTER and SYSEXIT.
#include "cpu/exec/far/far_transfers.h"

namespace ringside {
namespace {

// The flat segments that these instructions load without looking at a descriptor.
Segment flat_segment(u16 selector, u32 rights) {
  Segment s;
  s.selector = selector;
  s.base = 0;
  s.limit = 0xffffffff;
  s.rights = rights;
  s.update();
  return s;
}

constexpr u32 common = Rights::G | Rights::P | Rights::S | Rights::accessed;
constexpr u32 code_rights(bool wide, unsigned dpl) {
  return common | Rights::code | Rights::readable | (wide ? Rights::L : Rights::DB) |
         dpl << Rights::dpl_shift;
}
constexpr u32 stack_rights(unsigned dpl) {
  return common | Rights::DB | Rights::writable | dpl << Rights::dpl_shift;
}

// Made once: the ranges that Segment::update derives cost more than the copy.
const Segment stacks[2] = {flat_segment(0, stack_rights(0)), flat_segment(0, stack_rights(3))};
const Segment codes[2][2] = {{flat_segment(0, code_rights(false, 0)), flat_segment(0, code_rights(false, 3))},
                             {flat_segment(0, code_rights(true, 0)), flat_segment(0, code_rights(true, 3))}};

// `cpl` is 0 or 3.
void transfer_to_flat(Cpu& cpu, u16 cs, u16 ss, bool wide, u8 cpl, u64 rip) {
  const unsigned user = cpl ? 1 : 0;
  cpu.segment[SS] = stacks[user];
  cpu.segment[SS].selector = ss;
  Segment code = codes[wide][user];
  code.selector = cs;
  transfer_control(cpu, code, cpl, rip);
}

bool undefined(Cpu& cpu) {
  cpu.raise(Vector::UD);
  return false;
}

}  // namespace

bool syscall(Cpu& cpu) {
  if (!cpu.mode.bits64 || !(cpu.efer & Efer::SCE)) return undefined(cpu);
  const u64 flags = cpu.eflags();
  const u16 selector = static_cast<u16>(cpu.msr.star >> 32);
  cpu.gpr[RCX] = cpu.next_rip;
  cpu.gpr[R11] = flags;
  constexpr u64 maskable = Eflags::arithmetic | Eflags::TF | Eflags::IF | Eflags::DF | Eflags::IOPL |
                           Eflags::NT | Eflags::RF | Eflags::AC | Eflags::VIF | Eflags::VIP | Eflags::ID;
  load_flags(cpu, flags & ~cpu.msr.fmask & ~Eflags::RF, maskable);
  cpu.step_consumed = (flags & Eflags::TF) && !cpu.flag(Eflags::TF);
  transfer_to_flat(cpu, selector & 0xfffc, static_cast<u16>((selector & 0xfffc) + 8), true, 0, cpu.msr.lstar);
  return true;
}

bool sysret(Cpu& cpu, bool to_64bit) {
  if (!cpu.mode.bits64 || !(cpu.efer & Efer::SCE)) return undefined(cpu);
  if (cpu.cpl != 0) return refuse(cpu, Vector::GP);
  const u64 rip = to_64bit ? cpu.gpr[RCX] : static_cast<u32>(cpu.gpr[RCX]);
  if (!cpu.mmu.canonical(rip)) return refuse(cpu, Vector::GP);
  const u16 selector = static_cast<u16>(cpu.msr.star >> 48);
  constexpr u64 restored = Eflags::arithmetic | Eflags::TF | Eflags::IF | Eflags::DF | Eflags::IOPL |
                           Eflags::NT | Eflags::AC | Eflags::VIF | Eflags::VIP | Eflags::ID;
  transfer_to_flat(cpu, static_cast<u16>((selector + (to_64bit ? 16 : 0)) | 3),
                   static_cast<u16>((selector + 8) | 3), to_64bit, 3, rip);
  load_flags(cpu, cpu.gpr[R11] & restored, restored | Eflags::RF);
  return true;
}

bool sysenter(Cpu& cpu) {
  const u16 selector = cpu.msr.sysenter_cs & 0xfffc;
  if (!(cpu.cr0 & Cr0::PE) || selector == 0) return refuse(cpu, Vector::GP);
  const bool wide = cpu.mode.long_mode;
  const u64 mask = wide ? ~u64{0} : 0xffffffff;
  cpu.set_eflags(0, Eflags::VM | Eflags::IF | Eflags::RF);
  cpu.gpr[RSP] = cpu.msr.sysenter_esp & mask;
  transfer_to_flat(cpu, selector, static_cast<u16>(selector + 8), wide, 0, cpu.msr.sysenter_eip & mask);
  return true;
}

bool sysexit(Cpu& cpu, bool to_64bit) {
  const u16 selector = cpu.msr.sysenter_cs & 0xfffc;
  if (!cpu.mode.protected_mode || cpu.cpl != 0 || selector == 0) return refuse(cpu, Vector::GP);
  const u64 mask = to_64bit ? ~u64{0} : 0xffffffff;
  const u64 rip = cpu.gpr[RDX] & mask, rsp = cpu.gpr[RCX] & mask;
  if (!cpu.mmu.canonical(rip) || !cpu.mmu.canonical(rsp)) return refuse(cpu, Vector::GP);
  const u16 cs = static_cast<u16>((selector + (to_64bit ? 32 : 16)) | 3);
  cpu.gpr[RSP] = rsp;
  transfer_to_flat(cpu, cs, static_cast<u16>(cs + 8), to_64bit, 3, rip);
  return true;
}

}  // namespace ringside
