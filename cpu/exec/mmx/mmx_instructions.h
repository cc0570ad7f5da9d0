// Owns the bodies of MMX instructions that have no XMM form, or another one; those of the rest are in
// cpu/exec/sse/integer.h.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

// Moves. The forms with memory or a general-purpose register are MMX instructions as much as the others.
template <class Dst, class Src>
inline bool mmx_load(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  mark_mmx_in_use(cpu);
  return Dst::write(cpu, op, u64{value});
}
template <class Dst, class Src>
inline bool mmx_store(Cpu& cpu, const Op& op) {
  if (!mmx_ready(cpu) || !Dst::write(cpu, op, static_cast<typename Dst::Value>(Src::at(cpu, op).significand)))
    return false;
  mark_mmx_in_use(cpu);
  return true;
}

// PSHUFB: the index has three bits.
struct ShuffleHalf {
  u64 operator()(u64 a, u64 b) const { return LowHalves<Two<shuffle_bytes>>{}(a, b & 0x8787878787878787); }
};
template <class D, class S>
constexpr auto mmx_pshufb = packed_mmx<ShuffleHalf, D, S>;
template <class Dst, class Src>
inline bool mmx_palignr(Cpu& cpu, const Op& op) {
  u64 b;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, b)) return false;
  mark_mmx_in_use(cpu);
  const unsigned count = static_cast<u8>(op.imm);
  const u128 both = static_cast<u128>(Dst::at(cpu, op).significand) << 64 | b;
  return Dst::write(cpu, op, count >= 16 ? 0 : static_cast<u64>(both >> (8 * count)));
}
template <class Dst, class Src>
inline bool pshufw(Cpu& cpu, const Op& op) {
  u64 b;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, b)) return false;
  mark_mmx_in_use(cpu);
  return Dst::write(cpu, op, shuffle_words(b, static_cast<u8>(op.imm)));
}

// Single words and sign bits.
template <class Dst, class Src>
inline bool mmx_pinsrw(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, value)) return false;
  mark_mmx_in_use(cpu);
  const unsigned shift = (op.imm & 3) * 16;
  const u64 old = Dst::at(cpu, op).significand;
  return Dst::write(cpu, op, (old & ~(u64{0xffff} << shift)) | u64{static_cast<u16>(value)} << shift);
}
template <class Dst, class Src>
inline bool mmx_pextrw(Cpu& cpu, const Op& op) {
  if (!mmx_ready(cpu)) return false;
  mark_mmx_in_use(cpu);
  return Dst::write(cpu, op, static_cast<u16>(Src::at(cpu, op).significand >> (op.imm & 3) * 16));
}
template <class Dst, class Src>
inline bool mmx_pmovmskb(Cpu& cpu, const Op& op) {
  if (!mmx_ready(cpu)) return false;
  mark_mmx_in_use(cpu);
  const Packed value = packed_of(V128{{Src::at(cpu, op).significand, 0}});
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(simde_mm_movemask_epi8(value) & 0xff));
}

// The bytes whose mask byte has its sign bit set go to DS:rDI (or another segment).
bool store_masked(Cpu& cpu, const Op& op, const u8* bytes, const u8* mask, unsigned count);
template <class Dst, class Src>
inline bool maskmovq(Cpu& cpu, const Op& op) {
  if (!mmx_ready(cpu)) return false;
  const u64 bytes = Dst::at(cpu, op).significand, mask = Src::at(cpu, op).significand;
  if (!store_masked(cpu, op, reinterpret_cast<const u8*>(&bytes), reinterpret_cast<const u8*>(&mask), 8))
    return false;
  mark_mmx_in_use(cpu);
  return true;
}

// EMMS empties all registers; a pending x87 error comes first.
inline bool emms(Cpu& cpu, const Op&) {
  if (!mmx_ready(cpu)) return false;
  cpu.x87.valid = 0;
  cpu.x87.top = 0;
  return true;
}

}  // namespace ringside
