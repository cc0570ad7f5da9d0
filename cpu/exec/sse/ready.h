// Owns the checks in front of MMX and SSE instructions: availability, pending x87 errors, the mark of MMX
// state, and unmasked SIMD floating-point exceptions.
#pragma once

#include <cstring>

#include "cpu/exec/sse/soft_float.h"
#include "cpu/state/cpu.h"

namespace ringside {

// #UD for CR0.EM or without CR4.OSFXSR, #NM for CR0.TS. Always false.
[[gnu::cold, gnu::noinline]] bool refuse_sse(Cpu& cpu);
// #UD for CR0.EM, #NM for CR0.TS, #MF for a pending x87 error (see frozen_by_error for CR0.NE = 0). True: go
// on, under IGNNE#.
[[gnu::cold, gnu::noinline]] bool refuse_mmx(Cpu& cpu);

// In front of each instruction with XMM operands.
inline bool sse_ready(Cpu& cpu) {
  if ((cpu.cr0 & (Cr0::EM | Cr0::TS)) | (~cpu.cr4 & Cr4::OSFXSR)) [[unlikely]]
    return refuse_sse(cpu);
  return true;
}
// In front of each instruction that uses MMX registers.
inline bool mmx_ready(Cpu& cpu) {
  constexpr u16 error_summary = 0x80;
  if ((cpu.cr0 & (Cr0::EM | Cr0::TS)) | (cpu.x87.status & error_summary)) [[unlikely]]
    return refuse_mmx(cpu);
  return true;
}
// What each MMX instruction but EMMS does to the x87 state, once it cannot fault any more.
inline void mark_mmx_in_use(Cpu& cpu) {
  cpu.x87.top = 0;
  cpu.x87.valid = 0xff;
}

// The low bytes of a register; the others are kept.
template <class T>
inline void set_low(V128& v, T value) {
  std::memcpy(v.q, &value, sizeof value);
}

// Takes the flags of an operation into MXCSR. False: one was unmasked, and #XM (#UD without CR4.OSXMMEXCPT)
// is raised; the result must not be written.
[[gnu::noinline]] bool commit_mxcsr(Cpu& cpu, const soft::Context& context);

}  // namespace ringside
