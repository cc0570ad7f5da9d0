// Owns the privileges of EFLAGS' bits that PUSHF and POPF honour.
#include "cpu/exec/stack/push_pop.h"

namespace ringside {

namespace {

// Virtual-8086 mode with IOPL below 3: PUSHF and POPF are forbidden but for the 16-bit forms under CR4.VME,
// which see VIF in the place of IF.
bool needs_virtual_interrupt_flag(const Cpu& cpu) { return cpu.mode.v86 && cpu.iopl() < 3; }
bool forbidden(const Cpu& cpu, unsigned size) {
  return needs_virtual_interrupt_flag(cpu) && (size != 2 || !(cpu.cr4 & Cr4::VME));
}

}  // namespace

bool flags_to_push(Cpu& cpu, unsigned size, u64& image) {
  if (forbidden(cpu, size)) {
    cpu.raise(Vector::GP, 0);
    return false;
  }
  image = cpu.eflags() & ~(Eflags::VM | Eflags::RF);
  if (needs_virtual_interrupt_flag(cpu)) {
    image |= Eflags::IOPL;
    image = cpu.flag(Eflags::VIF) ? image | Eflags::IF : image & ~Eflags::IF;
  }
  return true;
}

bool set_popped_flags(Cpu& cpu, unsigned size, u64 image) {
  constexpr u64 always = Eflags::arithmetic | Eflags::TF | Eflags::DF | Eflags::NT;
  u64 mask = always;
  if (forbidden(cpu, size)) {
    cpu.raise(Vector::GP, 0);
    return false;
  }
  if (needs_virtual_interrupt_flag(cpu)) {
    if ((cpu.flag(Eflags::VIP) && (image & Eflags::IF)) || (image & Eflags::TF)) {
      cpu.raise(Vector::GP, 0);
      return false;
    }
    image = image & Eflags::IF ? image | Eflags::VIF : image & ~Eflags::VIF;
    cpu.set_eflags(image, mask | Eflags::VIF);
    return true;
  }
  if (cpu.mode.v86 || cpu.cpl <= cpu.iopl() || !cpu.mode.protected_mode) mask |= Eflags::IF;
  if (!cpu.mode.v86 && (cpu.cpl == 0 || !cpu.mode.protected_mode)) mask |= Eflags::IOPL;
  if (size > 2) mask |= Eflags::AC | Eflags::ID | Eflags::RF;
  cpu.set_eflags(image & ~Eflags::RF, mask);
  return true;
}

}  // namespace ringside
