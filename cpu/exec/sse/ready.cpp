// Owns the slow side of cpu/exec/sse/ready.h.
#include "cpu/exec/sse/ready.h"

#include "cpu/exec/core/numeric_error.h"

namespace ringside {

bool refuse_sse(Cpu& cpu) {
  const bool undefined = (cpu.cr0 & Cr0::EM) || !(cpu.cr4 & Cr4::OSFXSR);
  cpu.raise(undefined ? Vector::UD : Vector::NM);
  return false;
}

bool refuse_avx(Cpu& cpu) {
  constexpr u64 states = Xcr0::sse | Xcr0::avx;
  const bool undefined =
      !cpu.mode.protected_mode || !(cpu.cr4 & Cr4::OSXSAVE) || (cpu.xcr0 & states) != states;
  cpu.raise(undefined ? Vector::UD : Vector::NM);
  return false;
}

bool refuse_mmx(Cpu& cpu) {
  if (cpu.cr0 & Cr0::EM) {
    cpu.raise(Vector::UD);
  } else if (cpu.cr0 & Cr0::TS) {
    cpu.raise(Vector::NM);
  } else if (cpu.cr0 & Cr0::NE) {
    cpu.raise(Vector::MF);
  } else {
    return !frozen_by_error(cpu);
  }
  return false;
}

bool commit_mxcsr(Cpu& cpu, const soft::Context& context) {
  const u32 unmasked = ~(cpu.vector.mxcsr >> Mxcsr::mask_shift);
  u32 flags = context.before;
  if (!(flags & unmasked)) flags |= context.after;
  cpu.vector.mxcsr |= flags;
  if (!(flags & unmasked)) [[likely]]
    return true;
  cpu.raise(cpu.cr4 & Cr4::OSXMMEXCPT ? Vector::XM : Vector::UD);
  return false;
}

}  // namespace ringside
