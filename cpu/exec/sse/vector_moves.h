// Owns the bodies of SSE and AVX moves: whole registers, halves, scalars, non-temporal stores, duplicates.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

// MOVAPS and all others that copy their operand as it is; the alignment is the operand class's business. A
// scalar or a half that goes into a register keeps the rest (XmmLow), as MOVSS between registers and MOVLPS
// do.
template <class Dst, class Src>
inline bool sse_move(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  return vector_ready<Dst, Src>(cpu) && Src::read(cpu, op, value) && Dst::write(cpu, op, value);
}

// The operand's 32 or 64 bits into the low end of a register, zeros above: MOVD, MOVQ, MOVSS and MOVSD from
// memory.
template <class Dst, class Src>
inline bool sse_move_zero(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, V128{{value, 0}});
}

// The low 32 or 64 bits of a register: stores of MOVSS, MOVSD, MOVLPS, MOVQ, MOVD.
template <class Dst, class Src>
inline bool sse_move_low(Cpu& cpu, const Op& op) {
  return vector_ready<Src>(cpu) &&
         Dst::write(cpu, op, static_cast<typename Dst::Value>(Src::at(cpu, op).q[0]));
}
// The same between registers, where the destination keeps the rest: MOVSS, MOVSD.
template <class T, class Dst, class Src>
inline bool sse_merge_low(Cpu& cpu, const Op& op) {
  if (!vector_ready<Dst>(cpu)) return false;
  put_low<Dst>(cpu, op, static_cast<T>(Src::at(cpu, op).q[0]));
  return true;
}
template <class D, class S>
constexpr auto movss_registers = sse_merge_low<u32, D, S>;
template <class D, class S>
constexpr auto movsd_registers = sse_merge_low<u64, D, S>;

// One half of a register; the other is kept, or is that of the first source.
template <unsigned half, class Dst>
inline void put_half(Cpu& cpu, const Op& op, u64 value) {
  if constexpr (is_vex<Dst>) {
    V128 r = Dst::first(cpu, op);
    r.q[half] = value;
    Dst::write(cpu, op, r);
  } else {
    Dst::at(cpu, op).q[half] = value;
  }
}
// 64 bits of memory into one half: MOVLPS, MOVLPD, MOVHPS, MOVHPD.
template <unsigned half, class Dst, class Src>
inline bool load_half(Cpu& cpu, const Op& op) {
  u64 value;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  put_half<half, Dst>(cpu, op, value);
  return true;
}
template <class D, class S>
constexpr auto load_low = load_half<0, D, S>;
template <class D, class S>
constexpr auto load_high = load_half<1, D, S>;
template <class Dst, class Src>
inline bool store_high(Cpu& cpu, const Op& op) {
  return vector_ready<Src>(cpu) && Dst::write(cpu, op, Src::at(cpu, op).q[1]);
}
template <unsigned to, unsigned from, class Dst, class Src>
inline bool move_half(Cpu& cpu, const Op& op) {
  if (!vector_ready<Dst>(cpu)) return false;
  put_half<to, Dst>(cpu, op, Src::at(cpu, op).q[from]);
  return true;
}
template <class D, class S>
constexpr auto movhlps = move_half<0, 1, D, S>;
template <class D, class S>
constexpr auto movlhps = move_half<1, 0, D, S>;

template <class Dst, class Src>
inline bool movddup(Cpu& cpu, const Op& op) {
  u64 value;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, V128{{value, value}});
}
// The even double of each half twice: what VMOVDDUP is to 256 bits.
struct EvenTwice {
  V128 operator()(const V128&, const V128& b) const { return {{b.q[0], b.q[0]}}; }
};
template <class D, class S>
constexpr auto movddup_256 = packed_sse<EvenTwice, D, S>;
// MOVSLDUP, MOVSHDUP: the lower or the upper single of each half twice.
template <unsigned shift>
struct TwiceEach {
  V128 operator()(const V128&, const V128& b) const { return {{twice(b.q[0]), twice(b.q[1])}}; }
  static u64 twice(u64 half) {
    return (half >> shift & 0xffffffff) | (half << (32 - shift) & ~u64{0xffffffff});
  }
};
template <class D, class S>
constexpr auto movsldup = packed_sse<TwiceEach<0>, D, S>;
template <class D, class S>
constexpr auto movshdup = packed_sse<TwiceEach<32>, D, S>;

// MOVMSKPS, MOVMSKPD.
inline u32 signs_of_singles(const V128& v) {
  const u64 low = (v.q[0] >> 31 & 1) | (v.q[0] >> 63) << 1, high = (v.q[1] >> 31 & 1) | (v.q[1] >> 63) << 1;
  return static_cast<u32>(low | high << 2);
}
inline u32 signs_of_doubles(const V128& v) { return static_cast<u32>(v.q[0] >> 63 | (v.q[1] >> 63) << 1); }
// A mask of what `function` finds in each half: `bits` of either.
template <u32 (*function)(const V128&), unsigned bits, class Dst, class Src>
inline bool move_mask(Cpu& cpu, const Op& op) {
  typename Src::Value v;
  if (!vector_ready<Src>(cpu) || !Src::read(cpu, op, v)) return false;
  u32 mask;
  if constexpr (sizeof v == sizeof(V256))
    mask = function(v.low) | function(v.high) << bits;
  else
    mask = function(v);
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(mask));
}
template <class D, class S>
constexpr auto movmskps = move_mask<signs_of_singles, 4, D, S>;
template <class D, class S>
constexpr auto movmskpd = move_mask<signs_of_doubles, 2, D, S>;

// Between MMX and XMM registers.
template <class Dst, class Src>
inline bool movq2dq(Cpu& cpu, const Op& op) {
  if (!sse_ready(cpu) || !mmx_ready(cpu)) return false;
  const u64 value = Src::at(cpu, op).significand;
  mark_mmx_in_use(cpu);
  Dst::at(cpu, op) = {{value, 0}};
  return true;
}
template <class Dst, class Src>
inline bool movdq2q(Cpu& cpu, const Op& op) {
  if (!sse_ready(cpu) || !mmx_ready(cpu)) return false;
  mark_mmx_in_use(cpu);
  return Dst::write(cpu, op, Src::at(cpu, op).q[0]);
}

// LDMXCSR, STMXCSR.
template <class Src>
inline bool ldmxcsr(Cpu& cpu, const Op& op) {
  u32 value;
  if (!vector_ready<Src>(cpu) || !Src::read(cpu, op, value)) return false;
  if (value & ~mxcsr_mask) {
    cpu.raise(Vector::GP, 0);
    return false;
  }
  cpu.vector.mxcsr = value;
  return true;
}
template <class Dst>
inline bool stmxcsr(Cpu& cpu, const Op& op) {
  return vector_ready<Dst>(cpu) && Dst::write(cpu, op, cpu.vector.mxcsr);
}

}  // namespace ringside
