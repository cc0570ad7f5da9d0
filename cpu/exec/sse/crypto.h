// Owns the bodies of AES-NI, PCLMULQDQ, the SHA extensions and GFNI.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

// f(destination, source), and f(destination, source, immediate byte).
V128 aes_encrypt(const V128& state, const V128& key);
V128 aes_encrypt_last(const V128& state, const V128& key);
V128 aes_decrypt(const V128& state, const V128& key);
V128 aes_decrypt_last(const V128& state, const V128& key);
V128 aes_inverse_mix_columns(const V128&, const V128& key);
V128 aes_key_assist(const V128&, const V128& key, u8 constant);
V128 carryless_multiply(const V128& a, const V128& b, u8 select);
V128 sha1_next_e(const V128& a, const V128& b);
V128 sha1_message_1(const V128& a, const V128& b);
V128 sha1_message_2(const V128& a, const V128& b);
V128 sha1_rounds(const V128& a, const V128& b, u8 function);
V128 sha256_message_1(const V128& a, const V128& b);
V128 sha256_message_2(const V128& a, const V128& b);
V128 sha256_rounds(const V128& a, const V128& b, const V128& words);
V128 field_multiply(const V128& a, const V128& b);
V128 field_affine(const V128& a, const V128& b, u8 constant);
V128 field_affine_inverse(const V128& a, const V128& b, u8 constant);

template <class D, class S>
constexpr auto aesenc = packed_sse<Call<aes_encrypt>, D, S>;
template <class D, class S>
constexpr auto aesenclast = packed_sse<Call<aes_encrypt_last>, D, S>;
template <class D, class S>
constexpr auto aesdec = packed_sse<Call<aes_decrypt>, D, S>;
template <class D, class S>
constexpr auto aesdeclast = packed_sse<Call<aes_decrypt_last>, D, S>;
template <class D, class S>
constexpr auto aesimc = packed_sse<Call<aes_inverse_mix_columns>, D, S>;
template <class D, class S>
constexpr auto aeskeygenassist = packed_sse_control<Call<aes_key_assist>, D, S>;
template <class D, class S>
constexpr auto pclmulqdq = packed_sse_control<Call<carryless_multiply>, D, S>;
template <class D, class S>
constexpr auto sha1nexte = packed_sse<Call<sha1_next_e>, D, S>;
template <class D, class S>
constexpr auto sha1msg1 = packed_sse<Call<sha1_message_1>, D, S>;
template <class D, class S>
constexpr auto sha1msg2 = packed_sse<Call<sha1_message_2>, D, S>;
template <class D, class S>
constexpr auto sha1rnds4 = packed_sse_control<Call<sha1_rounds>, D, S>;
template <class D, class S>
constexpr auto sha256msg1 = packed_sse<Call<sha256_message_1>, D, S>;
template <class D, class S>
constexpr auto sha256msg2 = packed_sse<Call<sha256_message_2>, D, S>;
template <class D, class S>
constexpr auto gf2p8mulb = packed_sse<Call<field_multiply>, D, S>;
template <class D, class S>
constexpr auto gf2p8affineqb = packed_sse_control<Call<field_affine>, D, S>;
template <class D, class S>
constexpr auto gf2p8affineinvqb = packed_sse_control<Call<field_affine_inverse>, D, S>;

// The message words come from XMM0.
template <class Dst, class Src>
inline bool sha256rnds2(Cpu& cpu, const Op& op) {
  V128 b;
  if (!sse_ready(cpu) || !Src::read(cpu, op, b)) return false;
  Dst::at(cpu, op) = sha256_rounds(Dst::at(cpu, op), b, cpu.vector.xmm[0]);
  return true;
}

}  // namespace ringside
