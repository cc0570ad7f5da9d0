// Owns the bodies of SSE instructions that move elements about, integers or not: shuffles, blends, inserts,
// extracts, masks, tests.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

struct ShuffleDwords {
  V128 operator()(const V128&, const V128& b, u8 select) const {
    const auto x = bits_as<LanesOf<u32>>(b);
    const LanesOf<u32> r = {x[select & 3], x[select >> 2 & 3], x[select >> 4 & 3], x[select >> 6]};
    return bits_as<V128>(r);
  }
};
struct ShuffleLowWords {
  V128 operator()(const V128&, const V128& b, u8 select) const {
    return {{shuffle_words(b.q[0], select), b.q[1]}};
  }
};
struct ShuffleHighWords {
  V128 operator()(const V128&, const V128& b, u8 select) const {
    return {{b.q[0], shuffle_words(b.q[1], select)}};
  }
};
// PALIGNR: destination above source, shifted right by bytes.
struct AlignRight {
  V128 operator()(const V128& a, const V128& b, u8 count) const {
    std::array<u8, 48> bytes{};
    std::memcpy(bytes.data(), b.q, 16);
    std::memcpy(bytes.data() + 16, a.q, 16);
    V128 r;
    std::memcpy(r.q, bytes.data() + (count < 32 ? count : 32), 16);
    return r;
  }
};
struct ShuffleSingles {
  V128 operator()(const V128& a, const V128& b, u8 select) const {
    const auto x = bits_as<LanesOf<u32>>(a), y = bits_as<LanesOf<u32>>(b);
    const LanesOf<u32> r = {x[select & 3], x[select >> 2 & 3], y[select >> 4 & 3], y[select >> 6]};
    return bits_as<V128>(r);
  }
};
struct ShuffleDoubles {
  V128 operator()(const V128& a, const V128& b, u8 select) const {
    return {{a.q[select & 1], b.q[select >> 1 & 1]}};
  }
};
// BLENDxx, PBLENDW: the source's elements where the immediate has ones.
template <class T>
struct BlendSelected {
  V128 operator()(const V128& a, const V128& b, u8 select) const {
    auto r = bits_as<LanesOf<T>>(a);
    const auto y = bits_as<LanesOf<T>>(b);
    for (unsigned i = 0; i < r.size(); ++i) {
      if (select >> i & 1) r[i] = y[i];
    }
    return bits_as<V128>(r);
  }
};
// MPSADBW: a block of four source bytes against eight overlapping blocks of the destination.
struct SumsOfDifferences {
  V128 operator()(const V128& a, const V128& b, u8 control) const {
    const auto x = bits_as<LanesOf<u8>>(a), y = bits_as<LanesOf<u8>>(b);
    const unsigned from = (control >> 2 & 1) * 4, block = (control & 3) * 4;
    LanesOf<u16> r{};
    for (unsigned i = 0; i < 8; ++i) {
      for (unsigned j = 0; j < 4; ++j) {
        const int d = x[from + i + j] - y[block + j];
        r[i] = static_cast<u16>(r[i] + (d < 0 ? -d : d));
      }
    }
    return bits_as<V128>(r);
  }
};
template <class D, class S>
constexpr auto pshufd = packed_sse_control<ShuffleDwords, D, S>;
template <class D, class S>
constexpr auto pshuflw = packed_sse_control<ShuffleLowWords, D, S>;
template <class D, class S>
constexpr auto pshufhw = packed_sse_control<ShuffleHighWords, D, S>;
template <class D, class S>
constexpr auto sse_palignr = packed_sse_control<AlignRight, D, S>;
template <class D, class S>
constexpr auto shufps = packed_sse_control<ShuffleSingles, D, S>;
template <class D, class S>
constexpr auto shufpd = packed_sse_control<ShuffleDoubles, D, S>;
template <class D, class S>
constexpr auto pblendw = packed_sse_control<BlendSelected<u16>, D, S>;
template <class D, class S>
constexpr auto blendps = packed_sse_control<BlendSelected<u32>, D, S>;
template <class D, class S>
constexpr auto blendpd = packed_sse_control<BlendSelected<u64>, D, S>;
template <class D, class S>
constexpr auto mpsadbw = packed_sse_control<SumsOfDifferences, D, S>;

// PSLLDQ, PSRLDQ: the whole register by bytes.
template <bool left, class Dst, class Src>
inline bool shift_bytes(Cpu& cpu, const Op& op) {
  if (!sse_ready(cpu)) return false;
  V128& a = Dst::at(cpu, op);
  const unsigned count = static_cast<u8>(op.imm);
  const u128 value = bits_as<u128>(a), r = count > 15 ? 0
                                           : left     ? value << (8 * count)
                                                      : value >> (8 * count);
  a = bits_as<V128>(r);
  return true;
}
template <class D, class S>
constexpr auto pslldq = shift_bytes<true, D, S>;
template <class D, class S>
constexpr auto psrldq = shift_bytes<false, D, S>;

// BLENDVxx, PBLENDVB: the source's elements where those of XMM0 have their sign bits set.
template <class T, class Dst, class Src>
inline bool blend_variable(Cpu& cpu, const Op& op) {
  V128 b;
  if (!sse_ready(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  auto r = bits_as<LanesOf<T>>(Dst::at(cpu, op));
  const auto y = bits_as<LanesOf<T>>(b), mask = bits_as<LanesOf<T>>(cpu.vector.xmm[0]);
  for (unsigned i = 0; i < r.size(); ++i) {
    if (mask[i] >> (alu::bits_of<T> - 1)) r[i] = y[i];
  }
  Dst::at(cpu, op) = bits_as<V128>(r);
  return true;
}
template <class D, class S>
constexpr auto pblendvb = blend_variable<u8, D, S>;
template <class D, class S>
constexpr auto blendvps = blend_variable<u32, D, S>;
template <class D, class S>
constexpr auto blendvpd = blend_variable<u64, D, S>;

// PTEST: ZF says that a & b is zero, CF that b has nothing outside a.
template <class Dst, class Src>
inline bool ptest(Cpu& cpu, const Op& op) {
  V128 b;
  if (!sse_ready(cpu) || !Src::read(cpu, op, b)) return false;
  const V128& a = Dst::at(cpu, op);
  const u64 both = (a.q[0] & b.q[0]) | (a.q[1] & b.q[1]), outside = (~a.q[0] & b.q[0]) | (~a.q[1] & b.q[1]);
  cpu.flags.set_image((both ? 0 : Eflags::ZF) | (outside ? 0 : Eflags::CF));
  return true;
}

template <class Dst, class Src>
inline bool sse_pmovmskb(Cpu& cpu, const Op& op) {
  if (!sse_ready(cpu)) return false;
  const int mask = simde_mm_movemask_epi8(packed_of(Src::at(cpu, op)));
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(mask & 0xffff));
}

// One element of type T, counted modulo the number of elements.
template <class T, class Dst, class Src>
inline bool insert_element(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!sse_ready(cpu) || !Src::read(cpu, op, value)) return false;
  auto lanes = bits_as<LanesOf<T>>(Dst::at(cpu, op));
  lanes[static_cast<unsigned>(op.imm) % lanes.size()] = static_cast<T>(value);
  Dst::at(cpu, op) = bits_as<V128>(lanes);
  return true;
}
template <class T, class Dst, class Src>
inline bool extract_element(Cpu& cpu, const Op& op) {
  if (!sse_ready(cpu)) return false;
  const auto lanes = bits_as<LanesOf<T>>(Src::at(cpu, op));
  return Dst::write(cpu, op,
                    static_cast<typename Dst::Value>(lanes[static_cast<unsigned>(op.imm) % lanes.size()]));
}
template <class D, class S>
constexpr auto pinsrb = insert_element<u8, D, S>;
template <class D, class S>
constexpr auto sse_pinsrw = insert_element<u16, D, S>;
template <class D, class S>
constexpr auto pinsrd = insert_element<u32, D, S>;
template <class D, class S>
constexpr auto pinsrq = insert_element<u64, D, S>;
template <class D, class S>
constexpr auto pextrb = extract_element<u8, D, S>;
template <class D, class S>
constexpr auto sse_pextrw = extract_element<u16, D, S>;
template <class D, class S>
constexpr auto pextrd = extract_element<u32, D, S>;
template <class D, class S>
constexpr auto pextrq = extract_element<u64, D, S>;

// INSERTPS: the source element (from a register chosen by the immediate), its place, and the elements to
// clear.
template <class Dst, class Src>
inline bool insertps(Cpu& cpu, const Op& op) {
  if (!sse_ready(cpu)) return false;
  const unsigned control = static_cast<unsigned>(op.imm);
  u32 value;
  if constexpr (Src::where == Where::mem) {
    if (!Src::read(cpu, op, value)) return false;
  } else {
    value = bits_as<LaneBits<float>>(cpu.vector.xmm[op.r1])[control >> 6 & 3];
  }
  auto r = bits_as<LaneBits<float>>(Dst::at(cpu, op));
  r[control >> 4 & 3] = value;
  for (unsigned i = 0; i < 4; ++i) {
    if (control >> i & 1) r[i] = 0;
  }
  Dst::at(cpu, op) = bits_as<V128>(r);
  return true;
}

// As maskmovq in cpu/exec/mmx/mmx_instructions.h.
bool store_masked(Cpu& cpu, const Op& op, const u8* bytes, const u8* mask, unsigned count);
template <class Dst, class Src>
inline bool maskmovdqu(Cpu& cpu, const Op& op) {
  if (!sse_ready(cpu)) return false;
  return store_masked(cpu, op, reinterpret_cast<const u8*>(Dst::at(cpu, op).q),
                      reinterpret_cast<const u8*>(Src::at(cpu, op).q), 16);
}

}  // namespace ringside
