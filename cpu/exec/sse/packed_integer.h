// Owns the bodies of packed-integer instructions, whose XMM and MMX forms share a name.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

// Element by element, and the rest that SIMDe has as one function.
template <class D, class S>
constexpr auto paddb = packed<Two<simde_mm_add_epi8>, D, S>;
template <class D, class S>
constexpr auto paddw = packed<Two<simde_mm_add_epi16>, D, S>;
template <class D, class S>
constexpr auto paddd = packed<Two<simde_mm_add_epi32>, D, S>;
template <class D, class S>
constexpr auto paddq = packed<Two<simde_mm_add_epi64>, D, S>;
template <class D, class S>
constexpr auto paddsb = packed<Two<simde_mm_adds_epi8>, D, S>;
template <class D, class S>
constexpr auto paddsw = packed<Two<simde_mm_adds_epi16>, D, S>;
template <class D, class S>
constexpr auto paddusb = packed<Two<simde_mm_adds_epu8>, D, S>;
template <class D, class S>
constexpr auto paddusw = packed<Two<simde_mm_adds_epu16>, D, S>;
template <class D, class S>
constexpr auto psubb = packed<Two<simde_mm_sub_epi8>, D, S>;
template <class D, class S>
constexpr auto psubw = packed<Two<simde_mm_sub_epi16>, D, S>;
template <class D, class S>
constexpr auto psubd = packed<Two<simde_mm_sub_epi32>, D, S>;
template <class D, class S>
constexpr auto psubq = packed<Two<simde_mm_sub_epi64>, D, S>;
template <class D, class S>
constexpr auto psubsb = packed<Two<simde_mm_subs_epi8>, D, S>;
template <class D, class S>
constexpr auto psubsw = packed<Two<simde_mm_subs_epi16>, D, S>;
template <class D, class S>
constexpr auto psubusb = packed<Two<simde_mm_subs_epu8>, D, S>;
template <class D, class S>
constexpr auto psubusw = packed<Two<simde_mm_subs_epu16>, D, S>;
template <class D, class S>
constexpr auto pmullw = packed<Two<simde_mm_mullo_epi16>, D, S>;
template <class D, class S>
constexpr auto pmulhw = packed<Two<simde_mm_mulhi_epi16>, D, S>;
template <class D, class S>
constexpr auto pmulhuw = packed<Two<simde_mm_mulhi_epu16>, D, S>;
template <class D, class S>
constexpr auto pmuludq = packed<Two<simde_mm_mul_epu32>, D, S>;
template <class D, class S>
constexpr auto pmaddwd = packed<Two<simde_mm_madd_epi16>, D, S>;
template <class D, class S>
constexpr auto psadbw = packed<Two<simde_mm_sad_epu8>, D, S>;
template <class D, class S>
constexpr auto pavgb = packed<Two<simde_mm_avg_epu8>, D, S>;
template <class D, class S>
constexpr auto pavgw = packed<Two<simde_mm_avg_epu16>, D, S>;
template <class D, class S>
constexpr auto pminub = packed<Two<simde_mm_min_epu8>, D, S>;
template <class D, class S>
constexpr auto pmaxub = packed<Two<simde_mm_max_epu8>, D, S>;
template <class D, class S>
constexpr auto pminsw = packed<Two<simde_mm_min_epi16>, D, S>;
template <class D, class S>
constexpr auto pmaxsw = packed<Two<simde_mm_max_epi16>, D, S>;
template <class D, class S>
constexpr auto pcmpeqb = packed<Two<simde_mm_cmpeq_epi8>, D, S>;
template <class D, class S>
constexpr auto pcmpeqw = packed<Two<simde_mm_cmpeq_epi16>, D, S>;
template <class D, class S>
constexpr auto pcmpeqd = packed<Two<simde_mm_cmpeq_epi32>, D, S>;
template <class D, class S>
constexpr auto pcmpgtb = packed<Two<simde_mm_cmpgt_epi8>, D, S>;
template <class D, class S>
constexpr auto pcmpgtw = packed<Two<simde_mm_cmpgt_epi16>, D, S>;
template <class D, class S>
constexpr auto pcmpgtd = packed<Two<simde_mm_cmpgt_epi32>, D, S>;
template <class D, class S>
constexpr auto pand = packed<Two<simde_mm_and_si128>, D, S>;
template <class D, class S>
constexpr auto pandn = packed<Two<simde_mm_andnot_si128>, D, S>;
template <class D, class S>
constexpr auto por = packed<Two<simde_mm_or_si128>, D, S>;
template <class D, class S>
constexpr auto pxor = packed<Two<simde_mm_xor_si128>, D, S>;
template <class D, class S>
constexpr auto packsswb = packed_joined<Two<simde_mm_packs_epi16>, D, S>;
template <class D, class S>
constexpr auto packssdw = packed_joined<Two<simde_mm_packs_epi32>, D, S>;
template <class D, class S>
constexpr auto packuswb = packed_joined<Two<simde_mm_packus_epi16>, D, S>;
template <class D, class S>
constexpr auto punpcklbw = packed<Two<simde_mm_unpacklo_epi8>, D, S>;
template <class D, class S>
constexpr auto punpcklwd = packed<Two<simde_mm_unpacklo_epi16>, D, S>;
template <class D, class S>
constexpr auto punpckldq = packed<Two<simde_mm_unpacklo_epi32>, D, S>;
template <class D, class S>
constexpr auto phaddw = packed_joined<Two<simde_mm_hadd_epi16>, D, S>;
template <class D, class S>
constexpr auto phaddd = packed_joined<Two<simde_mm_hadd_epi32>, D, S>;
template <class D, class S>
constexpr auto phaddsw = packed_joined<Two<simde_mm_hadds_epi16>, D, S>;
template <class D, class S>
constexpr auto phsubw = packed_joined<Two<simde_mm_hsub_epi16>, D, S>;
template <class D, class S>
constexpr auto phsubd = packed_joined<Two<simde_mm_hsub_epi32>, D, S>;
template <class D, class S>
constexpr auto phsubsw = packed_joined<Two<simde_mm_hsubs_epi16>, D, S>;
template <class D, class S>
constexpr auto pmaddubsw = packed<Two<simde_mm_maddubs_epi16>, D, S>;
template <class D, class S>
constexpr auto pmulhrsw = packed<Two<simde_mm_mulhrs_epi16>, D, S>;
template <class D, class S>
constexpr auto psignb = packed<Two<apply_signs<u8>>, D, S>;
template <class D, class S>
constexpr auto psignw = packed<Two<apply_signs<u16>>, D, S>;
template <class D, class S>
constexpr auto psignd = packed<Two<apply_signs<u32>>, D, S>;
template <class D, class S>
constexpr auto punpcklqdq = packed_sse<Two<simde_mm_unpacklo_epi64>, D, S>;
template <class D, class S>
constexpr auto punpckhbw = packed_high<Two<simde_mm_unpackhi_epi8>, Two<simde_mm_unpacklo_epi8>, D, S>;
template <class D, class S>
constexpr auto punpckhwd = packed_high<Two<simde_mm_unpackhi_epi16>, Two<simde_mm_unpacklo_epi16>, D, S>;
template <class D, class S>
constexpr auto punpckhdq = packed_high<Two<simde_mm_unpackhi_epi32>, Two<simde_mm_unpacklo_epi32>, D, S>;
template <class D, class S>
constexpr auto punpckhqdq = packed_sse<Two<simde_mm_unpackhi_epi64>, D, S>;
template <class D, class S>
constexpr auto pshufb = packed_sse<Two<shuffle_bytes>, D, S>;
template <class D, class S>
constexpr auto pcmpeqq = packed_sse<Two<simde_mm_cmpeq_epi64>, D, S>;
template <class D, class S>
constexpr auto pcmpgtq = packed_sse<Two<simde_mm_cmpgt_epi64>, D, S>;
template <class D, class S>
constexpr auto packusdw = packed_sse<Two<simde_mm_packus_epi32>, D, S>;
template <class D, class S>
constexpr auto pmuldq = packed_sse<Two<simde_mm_mul_epi32>, D, S>;
template <class D, class S>
constexpr auto pmulld = packed_sse<Two<simde_mm_mullo_epi32>, D, S>;
template <class D, class S>
constexpr auto pminsb = packed_sse<Two<simde_mm_min_epi8>, D, S>;
template <class D, class S>
constexpr auto pmaxsb = packed_sse<Two<simde_mm_max_epi8>, D, S>;
template <class D, class S>
constexpr auto pminuw = packed_sse<Two<simde_mm_min_epu16>, D, S>;
template <class D, class S>
constexpr auto pmaxuw = packed_sse<Two<simde_mm_max_epu16>, D, S>;
template <class D, class S>
constexpr auto pminsd = packed_sse<Two<simde_mm_min_epi32>, D, S>;
template <class D, class S>
constexpr auto pmaxsd = packed_sse<Two<simde_mm_max_epi32>, D, S>;
template <class D, class S>
constexpr auto pminud = packed_sse<Two<simde_mm_min_epu32>, D, S>;
template <class D, class S>
constexpr auto pmaxud = packed_sse<Two<simde_mm_max_epu32>, D, S>;
template <class D, class S>
constexpr auto pabsb = packed<OfSource<simde_mm_abs_epi8>, D, S>;
template <class D, class S>
constexpr auto pabsw = packed<OfSource<simde_mm_abs_epi16>, D, S>;
template <class D, class S>
constexpr auto pabsd = packed<OfSource<simde_mm_abs_epi32>, D, S>;
template <class D, class S>
constexpr auto phminposuw = packed_sse<OfSource<simde_mm_minpos_epu16>, D, S>;

// Widening moves.
template <class D, class S>
constexpr auto pmovsxbw = packed_sse_extend<OfSource<simde_mm_cvtepi8_epi16>, D, S>;
template <class D, class S>
constexpr auto pmovsxbd = packed_sse_extend<OfSource<simde_mm_cvtepi8_epi32>, D, S>;
template <class D, class S>
constexpr auto pmovsxbq = packed_sse_extend<OfSource<simde_mm_cvtepi8_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovsxwd = packed_sse_extend<OfSource<simde_mm_cvtepi16_epi32>, D, S>;
template <class D, class S>
constexpr auto pmovsxwq = packed_sse_extend<OfSource<simde_mm_cvtepi16_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovsxdq = packed_sse_extend<OfSource<simde_mm_cvtepi32_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovzxbw = packed_sse_extend<OfSource<simde_mm_cvtepu8_epi16>, D, S>;
template <class D, class S>
constexpr auto pmovzxbd = packed_sse_extend<OfSource<simde_mm_cvtepu8_epi32>, D, S>;
template <class D, class S>
constexpr auto pmovzxbq = packed_sse_extend<OfSource<simde_mm_cvtepu8_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovzxwd = packed_sse_extend<OfSource<simde_mm_cvtepu16_epi32>, D, S>;
template <class D, class S>
constexpr auto pmovzxwq = packed_sse_extend<OfSource<simde_mm_cvtepu16_epi64>, D, S>;
template <class D, class S>
constexpr auto pmovzxdq = packed_sse_extend<OfSource<simde_mm_cvtepu32_epi64>, D, S>;

// Shifts of elements.
template <class D, class S>
constexpr auto psllw = packed<Two<simde_mm_sll_epi16>, D, S>;
template <class D, class S>
constexpr auto pslld = packed<Two<simde_mm_sll_epi32>, D, S>;
template <class D, class S>
constexpr auto psllq = packed<Two<simde_mm_sll_epi64>, D, S>;
template <class D, class S>
constexpr auto psrlw = packed<Two<simde_mm_srl_epi16>, D, S>;
template <class D, class S>
constexpr auto psrld = packed<Two<simde_mm_srl_epi32>, D, S>;
template <class D, class S>
constexpr auto psrlq = packed<Two<simde_mm_srl_epi64>, D, S>;
template <class D, class S>
constexpr auto psraw = packed<Two<simde_mm_sra_epi16>, D, S>;
template <class D, class S>
constexpr auto psrad = packed<Two<simde_mm_sra_epi32>, D, S>;

}  // namespace ringside
