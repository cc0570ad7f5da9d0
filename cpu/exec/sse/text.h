// Owns the bodies of SSE4.2's text instructions: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

// What the manual calls IntRes2, and the four flags.
struct TextResult {
  u32 bits;
  unsigned elements;  // 16 or 8
  u64 flags;
};
// a is the first operand. Lengths count elements and may be larger than the operand or negative; the implicit
// forms end at the first zero element.
TextResult compare_text_explicit(const V128& a, const V128& b, s64 length_a, s64 length_b, u8 control);
TextResult compare_text_implicit(const V128& a, const V128& b, u8 control);

template <bool explicit_lengths, bool mask, class Dst, class Src>
inline bool compare_text(Cpu& cpu, const Op& op) {
  V128 b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) return false;
  const V128& a = Dst::at(cpu, op);
  const u8 control = static_cast<u8>(op.imm);
  TextResult r;
  if constexpr (explicit_lengths) {
    const bool wide = op.size == 8;
    const auto length = [&](u64 value) { return wide ? static_cast<s64>(value) : static_cast<s32>(value); };
    r = compare_text_explicit(a, b, length(cpu.gpr[RAX]), length(cpu.gpr[RDX]), control);
  } else {
    r = compare_text_implicit(a, b, control);
  }
  cpu.flags.set_image(r.flags);
  const bool second_form = control & 0x40;
  if constexpr (mask) {
    if constexpr (is_vex<Dst>) cpu.vector.upper[0] = {};
    V128& out = cpu.vector.xmm[0];
    out = {{r.bits, 0}};
    if (second_form) {
      const unsigned bytes = 16 / r.elements;
      std::array<u8, 16> spread;
      for (unsigned i = 0; i < 16; ++i) spread[i] = r.bits >> (i / bytes) & 1 ? 0xff : 0;
      out = bits_as<V128>(spread);
    }
  } else {
    unsigned index = r.elements;
    if (r.bits)
      index = static_cast<unsigned>(second_form ? std::bit_width(r.bits) - 1 : std::countr_zero(r.bits));
    cpu.gpr[RCX] = index;
  }
  return true;
}
template <class D, class S>
constexpr auto pcmpestri = compare_text<true, false, D, S>;
template <class D, class S>
constexpr auto pcmpestrm = compare_text<true, true, D, S>;
template <class D, class S>
constexpr auto pcmpistri = compare_text<false, false, D, S>;
template <class D, class S>
constexpr auto pcmpistrm = compare_text<false, true, D, S>;

}  // namespace ringside
