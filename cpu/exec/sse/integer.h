// Owns the bodies of SSE packed-integer instructions.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

// Element by element, and the rest that SIMDe has as one function.
template <class D, class S>
constexpr auto sse_paddb = packed_sse<Two<simde_mm_add_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_paddw = packed_sse<Two<simde_mm_add_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_paddd = packed_sse<Two<simde_mm_add_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_paddq = packed_sse<Two<simde_mm_add_epi64>, D, S>;
template <class D, class S>
constexpr auto sse_paddsb = packed_sse<Two<simde_mm_adds_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_paddsw = packed_sse<Two<simde_mm_adds_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_paddusb = packed_sse<Two<simde_mm_adds_epu8>, D, S>;
template <class D, class S>
constexpr auto sse_paddusw = packed_sse<Two<simde_mm_adds_epu16>, D, S>;
template <class D, class S>
constexpr auto sse_psubb = packed_sse<Two<simde_mm_sub_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_psubw = packed_sse<Two<simde_mm_sub_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_psubd = packed_sse<Two<simde_mm_sub_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_psubq = packed_sse<Two<simde_mm_sub_epi64>, D, S>;
template <class D, class S>
constexpr auto sse_psubsb = packed_sse<Two<simde_mm_subs_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_psubsw = packed_sse<Two<simde_mm_subs_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_psubusb = packed_sse<Two<simde_mm_subs_epu8>, D, S>;
template <class D, class S>
constexpr auto sse_psubusw = packed_sse<Two<simde_mm_subs_epu16>, D, S>;
template <class D, class S>
constexpr auto sse_pmullw = packed_sse<Two<simde_mm_mullo_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pmulhw = packed_sse<Two<simde_mm_mulhi_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pmulhuw = packed_sse<Two<simde_mm_mulhi_epu16>, D, S>;
template <class D, class S>
constexpr auto sse_pmuludq = packed_sse<Two<simde_mm_mul_epu32>, D, S>;
template <class D, class S>
constexpr auto sse_pmaddwd = packed_sse<Two<simde_mm_madd_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_psadbw = packed_sse<Two<simde_mm_sad_epu8>, D, S>;
template <class D, class S>
constexpr auto sse_pavgb = packed_sse<Two<simde_mm_avg_epu8>, D, S>;
template <class D, class S>
constexpr auto sse_pavgw = packed_sse<Two<simde_mm_avg_epu16>, D, S>;
template <class D, class S>
constexpr auto sse_pminub = packed_sse<Two<simde_mm_min_epu8>, D, S>;
template <class D, class S>
constexpr auto sse_pmaxub = packed_sse<Two<simde_mm_max_epu8>, D, S>;
template <class D, class S>
constexpr auto sse_pminsw = packed_sse<Two<simde_mm_min_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pmaxsw = packed_sse<Two<simde_mm_max_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pcmpeqb = packed_sse<Two<simde_mm_cmpeq_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_pcmpeqw = packed_sse<Two<simde_mm_cmpeq_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pcmpeqd = packed_sse<Two<simde_mm_cmpeq_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_pcmpgtb = packed_sse<Two<simde_mm_cmpgt_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_pcmpgtw = packed_sse<Two<simde_mm_cmpgt_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pcmpgtd = packed_sse<Two<simde_mm_cmpgt_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_pand = packed_sse<Two<simde_mm_and_si128>, D, S>;
template <class D, class S>
constexpr auto sse_pandn = packed_sse<Two<simde_mm_andnot_si128>, D, S>;
template <class D, class S>
constexpr auto sse_por = packed_sse<Two<simde_mm_or_si128>, D, S>;
template <class D, class S>
constexpr auto sse_pxor = packed_sse<Two<simde_mm_xor_si128>, D, S>;
template <class D, class S>
constexpr auto sse_packsswb = packed_sse<Two<simde_mm_packs_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_packssdw = packed_sse<Two<simde_mm_packs_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_packuswb = packed_sse<Two<simde_mm_packus_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_punpcklbw = packed_sse<Two<simde_mm_unpacklo_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_punpcklwd = packed_sse<Two<simde_mm_unpacklo_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_punpckldq = packed_sse<Two<simde_mm_unpacklo_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_phaddw = packed_sse<Two<simde_mm_hadd_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_phaddd = packed_sse<Two<simde_mm_hadd_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_phaddsw = packed_sse<Two<simde_mm_hadds_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_phsubw = packed_sse<Two<simde_mm_hsub_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_phsubd = packed_sse<Two<simde_mm_hsub_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_phsubsw = packed_sse<Two<simde_mm_hsubs_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pmaddubsw = packed_sse<Two<simde_mm_maddubs_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pmulhrsw = packed_sse<Two<simde_mm_mulhrs_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_psignb = packed_sse<Two<apply_signs<u8>>, D, S>;
template <class D, class S>
constexpr auto sse_psignw = packed_sse<Two<apply_signs<u16>>, D, S>;
template <class D, class S>
constexpr auto sse_psignd = packed_sse<Two<apply_signs<u32>>, D, S>;
template <class D, class S>
constexpr auto sse_punpcklqdq = packed_sse<Two<simde_mm_unpacklo_epi64>, D, S>;
template <class D, class S>
constexpr auto sse_punpckhbw = packed_sse<Two<simde_mm_unpackhi_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_punpckhwd = packed_sse<Two<simde_mm_unpackhi_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_punpckhdq = packed_sse<Two<simde_mm_unpackhi_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_punpckhqdq = packed_sse<Two<simde_mm_unpackhi_epi64>, D, S>;
template <class D, class S>
constexpr auto sse_pshufb = packed_sse<Two<shuffle_bytes>, D, S>;
template <class D, class S>
constexpr auto sse_pcmpeqq = packed_sse<Two<simde_mm_cmpeq_epi64>, D, S>;
template <class D, class S>
constexpr auto sse_pcmpgtq = packed_sse<Two<simde_mm_cmpgt_epi64>, D, S>;
template <class D, class S>
constexpr auto sse_packusdw = packed_sse<Two<simde_mm_packus_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_pmuldq = packed_sse<Two<simde_mm_mul_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_pmulld = packed_sse<Two<simde_mm_mullo_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_pminsb = packed_sse<Two<simde_mm_min_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_pmaxsb = packed_sse<Two<simde_mm_max_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_pminuw = packed_sse<Two<simde_mm_min_epu16>, D, S>;
template <class D, class S>
constexpr auto sse_pmaxuw = packed_sse<Two<simde_mm_max_epu16>, D, S>;
template <class D, class S>
constexpr auto sse_pminsd = packed_sse<Two<simde_mm_min_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_pmaxsd = packed_sse<Two<simde_mm_max_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_pminud = packed_sse<Two<simde_mm_min_epu32>, D, S>;
template <class D, class S>
constexpr auto sse_pmaxud = packed_sse<Two<simde_mm_max_epu32>, D, S>;
template <class D, class S>
constexpr auto sse_pabsb = packed_sse<One128<simde_mm_abs_epi8>, D, S>;
template <class D, class S>
constexpr auto sse_pabsw = packed_sse<One128<simde_mm_abs_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pabsd = packed_sse<One128<simde_mm_abs_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_phminposuw = packed_sse<One128<simde_mm_minpos_epu16>, D, S>;

// Widening moves.
template <class D, class S>
constexpr auto pmovsxbw = packed_sse_extend<One128<simde_mm_cvtepi8_epi16>, D, S>;
template <class D, class S>
constexpr auto pmovsxbd = packed_sse_extend<One128<simde_mm_cvtepi8_epi32>, D, S>;
template <class D, class S>
constexpr auto pmovsxbq = packed_sse_extend<One128<simde_mm_cvtepi8_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovsxwd = packed_sse_extend<One128<simde_mm_cvtepi16_epi32>, D, S>;
template <class D, class S>
constexpr auto pmovsxwq = packed_sse_extend<One128<simde_mm_cvtepi16_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovsxdq = packed_sse_extend<One128<simde_mm_cvtepi32_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovzxbw = packed_sse_extend<One128<simde_mm_cvtepu8_epi16>, D, S>;
template <class D, class S>
constexpr auto pmovzxbd = packed_sse_extend<One128<simde_mm_cvtepu8_epi32>, D, S>;
template <class D, class S>
constexpr auto pmovzxbq = packed_sse_extend<One128<simde_mm_cvtepu8_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovzxwd = packed_sse_extend<One128<simde_mm_cvtepu16_epi32>, D, S>;
template <class D, class S>
constexpr auto pmovzxwq = packed_sse_extend<One128<simde_mm_cvtepu16_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovzxdq = packed_sse_extend<One128<simde_mm_cvtepu32_epi64>, D, S>;

// Shifts of elements.
template <class D, class S>
constexpr auto sse_psllw = packed_sse_shift<Two<simde_mm_sll_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_pslld = packed_sse_shift<Two<simde_mm_sll_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_psllq = packed_sse_shift<Two<simde_mm_sll_epi64>, D, S>;
template <class D, class S>
constexpr auto sse_psrlw = packed_sse_shift<Two<simde_mm_srl_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_psrld = packed_sse_shift<Two<simde_mm_srl_epi32>, D, S>;
template <class D, class S>
constexpr auto sse_psrlq = packed_sse_shift<Two<simde_mm_srl_epi64>, D, S>;
template <class D, class S>
constexpr auto sse_psraw = packed_sse_shift<Two<simde_mm_sra_epi16>, D, S>;
template <class D, class S>
constexpr auto sse_psrad = packed_sse_shift<Two<simde_mm_sra_epi32>, D, S>;

}  // namespace ringside
