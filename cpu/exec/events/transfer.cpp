// Owns what all transfers to another code segment share.
#include "cpu/exec/events/transfer.h"

#include "cpu/exec/core/system_access.h"

namespace ringside {
namespace {

bool in_tss(Cpu& cpu, unsigned offset, unsigned bytes) {
  const Segment& tr = cpu.segment[TR];
  if (tr.usable() && offset + bytes - 1 <= tr.limit) return true;
  return refuse(cpu, Vector::TS, tr.selector);
}

}  // namespace

bool stack_from_tss(Cpu& cpu, u8 level, Segment& ss, u32& esp) {
  const Segment& tr = cpu.segment[TR];
  u16 selector = 0;
  if (tr.type() & 8) {
    const unsigned at = 4 + 8u * level;
    if (!in_tss(cpu, at, 6) || !read_system(cpu, tr.base + at, esp) ||
        !read_system(cpu, tr.base + at + 4, selector))
      return false;
  } else {
    const unsigned at = 2 + 4u * level;
    u16 sp = 0;
    if (!in_tss(cpu, at, 4) || !read_system(cpu, tr.base + at, sp) ||
        !read_system(cpu, tr.base + at + 2, selector))
      return false;
    esp = sp;
  }
  return check_stack_segment(cpu, selector, level, Vector::TS, ss);
}

bool stack_from_tss64(Cpu& cpu, u8 level, u64& rsp) {
  const unsigned at = 4 + 8u * level;
  return in_tss(cpu, at, 8) && read_system(cpu, cpu.segment[TR].base + at, rsp);
}

bool interrupt_stack_from_tss(Cpu& cpu, unsigned ist, u64& rsp) {
  const unsigned at = 28 + 8 * ist;
  return in_tss(cpu, at, 8) && read_system(cpu, cpu.segment[TR].base + at, rsp);
}

void transfer_control(Cpu& cpu, const Segment& cs, u8 cpl, u64 rip) {
  const bool privilege = cpu.cpl != cpl;
  cpu.segment[CS] = cs;
  cpu.cpl = cpl;
  cpu.update_mode();
  if (privilege) cpu.update_privilege();
  cpu.next_rip = rip;
}

void drop_inner_segments(Cpu& cpu, u8 cpl) {
  for (const SegReg reg : {ES, DS, FS, GS}) {
    Segment& s = cpu.segment[reg];
    if (is_null(s.selector)) {
      s.selector = 0;
      continue;
    }
    const bool conforming_code = s.is_code() && (s.rights & Rights::conforming);
    if (s.dpl() >= cpl || conforming_code) continue;
    s.selector = 0;
    s.rights |= Rights::unusable;
    s.update();
  }
}

void load_flags(Cpu& cpu, u64 image, u64 mask) {
  if ((mask & Eflags::RF) && !(cpu.dr7 & Dr7::enabled)) image &= ~Eflags::RF;
  constexpr u64 quiet = Eflags::arithmetic | Eflags::DF | Eflags::NT | Eflags::IOPL | Eflags::ID | Eflags::IF;
  const u64 changed = (cpu.eflags() ^ image) & mask;
  const bool awaited = cpu.interrupt_window || (cpu.interrupts && cpu.interrupts->pending());
  if ((changed & ~quiet) || ((changed & image & Eflags::IF) && awaited)) {
    cpu.set_eflags(image, mask);
    return;
  }
  const u64 system = mask & ~Eflags::arithmetic;
  cpu.system_flags = (cpu.system_flags & ~system) | (image & system);
  cpu.flags.set_image(image);
}

}  // namespace ringside
