// Owns the bodies of MMX instructions.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

template <class D, class S>
constexpr auto mmx_paddb = packed_mmx<Two<simde_mm_add_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_paddw = packed_mmx<Two<simde_mm_add_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_paddd = packed_mmx<Two<simde_mm_add_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_paddq = packed_mmx<Two<simde_mm_add_epi64>, D, S>;
template <class D, class S>
constexpr auto mmx_paddsb = packed_mmx<Two<simde_mm_adds_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_paddsw = packed_mmx<Two<simde_mm_adds_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_paddusb = packed_mmx<Two<simde_mm_adds_epu8>, D, S>;
template <class D, class S>
constexpr auto mmx_paddusw = packed_mmx<Two<simde_mm_adds_epu16>, D, S>;
template <class D, class S>
constexpr auto mmx_psubb = packed_mmx<Two<simde_mm_sub_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_psubw = packed_mmx<Two<simde_mm_sub_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_psubd = packed_mmx<Two<simde_mm_sub_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_psubq = packed_mmx<Two<simde_mm_sub_epi64>, D, S>;
template <class D, class S>
constexpr auto mmx_psubsb = packed_mmx<Two<simde_mm_subs_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_psubsw = packed_mmx<Two<simde_mm_subs_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_psubusb = packed_mmx<Two<simde_mm_subs_epu8>, D, S>;
template <class D, class S>
constexpr auto mmx_psubusw = packed_mmx<Two<simde_mm_subs_epu16>, D, S>;
template <class D, class S>
constexpr auto mmx_pmullw = packed_mmx<Two<simde_mm_mullo_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pmulhw = packed_mmx<Two<simde_mm_mulhi_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pmulhuw = packed_mmx<Two<simde_mm_mulhi_epu16>, D, S>;
template <class D, class S>
constexpr auto mmx_pmuludq = packed_mmx<Two<simde_mm_mul_epu32>, D, S>;
template <class D, class S>
constexpr auto mmx_pmaddwd = packed_mmx<Two<simde_mm_madd_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_psadbw = packed_mmx<Two<simde_mm_sad_epu8>, D, S>;
template <class D, class S>
constexpr auto mmx_pavgb = packed_mmx<Two<simde_mm_avg_epu8>, D, S>;
template <class D, class S>
constexpr auto mmx_pavgw = packed_mmx<Two<simde_mm_avg_epu16>, D, S>;
template <class D, class S>
constexpr auto mmx_pminub = packed_mmx<Two<simde_mm_min_epu8>, D, S>;
template <class D, class S>
constexpr auto mmx_pmaxub = packed_mmx<Two<simde_mm_max_epu8>, D, S>;
template <class D, class S>
constexpr auto mmx_pminsw = packed_mmx<Two<simde_mm_min_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pmaxsw = packed_mmx<Two<simde_mm_max_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pcmpeqb = packed_mmx<Two<simde_mm_cmpeq_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_pcmpeqw = packed_mmx<Two<simde_mm_cmpeq_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pcmpeqd = packed_mmx<Two<simde_mm_cmpeq_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_pcmpgtb = packed_mmx<Two<simde_mm_cmpgt_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_pcmpgtw = packed_mmx<Two<simde_mm_cmpgt_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pcmpgtd = packed_mmx<Two<simde_mm_cmpgt_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_pand = packed_mmx<Two<simde_mm_and_si128>, D, S>;
template <class D, class S>
constexpr auto mmx_pandn = packed_mmx<Two<simde_mm_andnot_si128>, D, S>;
template <class D, class S>
constexpr auto mmx_por = packed_mmx<Two<simde_mm_or_si128>, D, S>;
template <class D, class S>
constexpr auto mmx_pxor = packed_mmx<Two<simde_mm_xor_si128>, D, S>;
template <class D, class S>
constexpr auto mmx_packsswb = packed_mmx_joined<Two<simde_mm_packs_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_packssdw = packed_mmx_joined<Two<simde_mm_packs_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_packuswb = packed_mmx_joined<Two<simde_mm_packus_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_punpcklbw = packed_mmx<Two<simde_mm_unpacklo_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_punpcklwd = packed_mmx<Two<simde_mm_unpacklo_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_punpckldq = packed_mmx<Two<simde_mm_unpacklo_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_phaddw = packed_mmx_joined<Two<simde_mm_hadd_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_phaddd = packed_mmx_joined<Two<simde_mm_hadd_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_phaddsw = packed_mmx_joined<Two<simde_mm_hadds_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_phsubw = packed_mmx_joined<Two<simde_mm_hsub_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_phsubd = packed_mmx_joined<Two<simde_mm_hsub_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_phsubsw = packed_mmx_joined<Two<simde_mm_hsubs_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pmaddubsw = packed_mmx<Two<simde_mm_maddubs_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pmulhrsw = packed_mmx<Two<simde_mm_mulhrs_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_psignb = packed_mmx<Two<apply_signs<u8>>, D, S>;
template <class D, class S>
constexpr auto mmx_psignw = packed_mmx<Two<apply_signs<u16>>, D, S>;
template <class D, class S>
constexpr auto mmx_psignd = packed_mmx<Two<apply_signs<u32>>, D, S>;
template <class D, class S>
constexpr auto mmx_punpckhbw = packed_mmx_high<Two<simde_mm_unpacklo_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_punpckhwd = packed_mmx_high<Two<simde_mm_unpacklo_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_punpckhdq = packed_mmx_high<Two<simde_mm_unpacklo_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_pabsb = packed_mmx<One128<simde_mm_abs_epi8>, D, S>;
template <class D, class S>
constexpr auto mmx_pabsw = packed_mmx<One128<simde_mm_abs_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pabsd = packed_mmx<One128<simde_mm_abs_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_psllw = packed_mmx_shift<Two<simde_mm_sll_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_pslld = packed_mmx_shift<Two<simde_mm_sll_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_psllq = packed_mmx_shift<Two<simde_mm_sll_epi64>, D, S>;
template <class D, class S>
constexpr auto mmx_psrlw = packed_mmx_shift<Two<simde_mm_srl_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_psrld = packed_mmx_shift<Two<simde_mm_srl_epi32>, D, S>;
template <class D, class S>
constexpr auto mmx_psrlq = packed_mmx_shift<Two<simde_mm_srl_epi64>, D, S>;
template <class D, class S>
constexpr auto mmx_psraw = packed_mmx_shift<Two<simde_mm_sra_epi16>, D, S>;
template <class D, class S>
constexpr auto mmx_psrad = packed_mmx_shift<Two<simde_mm_sra_epi32>, D, S>;

// Moves. The forms with memory or a general-purpose register are MMX instructions as much as the others.
template <class Dst, class Src>
inline bool mmx_load(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  enter_mmx(cpu);
  return Dst::write(cpu, op, u64{value});
}
template <class Dst, class Src>
inline bool mmx_store(Cpu& cpu, const Op& op) {
  if (!mmx_ready(cpu) || !Dst::write(cpu, op, static_cast<typename Dst::Value>(Src::at(cpu, op).significand)))
    return false;
  enter_mmx(cpu);
  return true;
}

// PSHUFB: the index has three bits.
template <class Dst, class Src>
inline bool mmx_pshufb(Cpu& cpu, const Op& op) {
  u64 b;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, b)) return false;
  enter_mmx(cpu);
  const Packed select = packed_of(b & 0x8787878787878787);
  return Dst::write(cpu, op, low_half(shuffle_bytes(packed_of(Dst::at(cpu, op).significand), select)));
}
template <class Dst, class Src>
inline bool mmx_palignr(Cpu& cpu, const Op& op) {
  u64 b;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, b)) return false;
  enter_mmx(cpu);
  const unsigned count = static_cast<u8>(op.imm);
  const u128 both = static_cast<u128>(Dst::at(cpu, op).significand) << 64 | b;
  return Dst::write(cpu, op, count >= 16 ? 0 : static_cast<u64>(both >> (8 * count)));
}
template <class Dst, class Src>
inline bool pshufw(Cpu& cpu, const Op& op) {
  u64 b, r = 0;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, b)) return false;
  enter_mmx(cpu);
  for (unsigned i = 0; i < 4; ++i) r |= (b >> (op.imm >> (2 * i) & 3) * 16 & 0xffff) << (16 * i);
  return Dst::write(cpu, op, r);
}

// Single words and sign bits.
template <class Dst, class Src>
inline bool mmx_pinsrw(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!mmx_ready(cpu) || !Src::read(cpu, op, value)) return false;
  enter_mmx(cpu);
  const unsigned shift = (op.imm & 3) * 16;
  const u64 old = Dst::at(cpu, op).significand;
  return Dst::write(cpu, op, (old & ~(u64{0xffff} << shift)) | u64{static_cast<u16>(value)} << shift);
}
template <class Dst, class Src>
inline bool mmx_pextrw(Cpu& cpu, const Op& op) {
  if (!mmx_ready(cpu)) return false;
  enter_mmx(cpu);
  return Dst::write(cpu, op, static_cast<u16>(Src::at(cpu, op).significand >> (op.imm & 3) * 16));
}
template <class Dst, class Src>
inline bool mmx_pmovmskb(Cpu& cpu, const Op& op) {
  if (!mmx_ready(cpu)) return false;
  enter_mmx(cpu);
  const Packed value = packed_of(Src::at(cpu, op).significand);
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
  enter_mmx(cpu);
  return true;
}

// EMMS empties all registers; a pending x87 error comes first.
inline bool emms(Cpu& cpu, const Op&) {
  if (!mmx_ready(cpu)) return false;
  cpu.x87.valid = 0;
  return true;
}

}  // namespace ringside
