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
// #UD outside protected mode, without CR4.OSXSAVE or without SSE and AVX state in XCR0; #NM for CR0.TS.
// Always false.
[[gnu::cold, gnu::noinline]] bool refuse_avx(Cpu& cpu);
// In front of each instruction with a VEX prefix and vector operands: the manual's exception types 1 to 12.
inline bool avx_ready(Cpu& cpu) {
  constexpr u64 states = Xcr0::sse | Xcr0::avx;
  if ((cpu.cr0 & Cr0::TS) | (~cpu.cr4 & Cr4::OSXSAVE) | (~cpu.xcr0 & states)) [[unlikely]]
    return refuse_avx(cpu);
  return cpu.mode.protected_mode || refuse_avx(cpu);
}
// One of the two, by the classes of a row's operands.
template <class Operand>
concept OperandOfVex = requires {
  requires Operand::vex;
};
template <class... Operands>
constexpr bool is_vex = (OperandOfVex<Operands> || ...);
template <class... Operands>
inline bool vector_ready(Cpu& cpu) {
  if constexpr (is_vex<Operands...>)
    return avx_ready(cpu);
  else
    return sse_ready(cpu);
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
// Writes the low bytes of a vector register. The rest is kept, or is that of the first source of an
// instruction with a VEX prefix.
template <class Dst, class T>
inline void put_low(Cpu& cpu, const Op& op, T value) {
  if constexpr (is_vex<Dst>) {
    V128 r = Dst::first(cpu, op);
    set_low(r, value);
    Dst::write(cpu, op, r);
  } else {
    set_low(Dst::at(cpu, op), value);
  }
}

// Takes the flags of an operation into MXCSR. False: one was unmasked, and #XM (#UD without CR4.OSXMMEXCPT)
// is raised; the result must not be written.
[[gnu::noinline]] bool commit_mxcsr(Cpu& cpu, const soft::Context& context);

}  // namespace ringside
