// Owns the bodies of SSE and AVX instructions that move elements about, integers or not: shuffles, blends,
// inserts, extracts, masks, tests.
#pragma once

#include "cpu/exec/sse/packed.h"
#include "cpu/exec/sse/vector_moves.h"

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
  static constexpr unsigned bits_of_a_half = 2;
  V128 operator()(const V128& a, const V128& b, u8 select) const {
    return {{a.q[select & 1], b.q[select >> 1 & 1]}};
  }
};
// BLENDxx, PBLENDW: the source's elements where the immediate has ones. PBLENDW has eight for either half.
template <class T>
struct BlendSelected {
  static constexpr unsigned bits_of_a_half = 16 / sizeof(T) % 8;
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
  static constexpr unsigned bits_of_a_half = 3;
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

// PSLLDQ, PSRLDQ: the whole register, or either half, by bytes.
template <bool left>
struct ShiftBytes {
  V128 operator()(const V128& a, const V128& b) const {
    const u64 count = b.q[0];
    const u128 value = bits_as<u128>(a), r = count > 15 ? 0
                                             : left     ? value << (8 * count)
                                                        : value >> (8 * count);
    return bits_as<V128>(r);
  }
};
template <class D, class S>
constexpr auto pslldq = packed_sse<ShiftBytes<true>, D, S>;
template <class D, class S>
constexpr auto psrldq = packed_sse<ShiftBytes<false>, D, S>;

// BLENDVxx, PBLENDVB: the source's elements where those of a mask have their sign bits set: of XMM0, or of
// the fourth register.
template <class T>
inline V128 blend_by_signs(const V128& a, const V128& b, const V128& signs) {
  auto r = bits_as<LanesOf<T>>(a);
  const auto y = bits_as<LanesOf<T>>(b), mask = bits_as<LanesOf<T>>(signs);
  for (unsigned i = 0; i < r.size(); ++i) {
    if (mask[i] >> (alu::bits_of<T> - 1)) r[i] = y[i];
  }
  return bits_as<V128>(r);
}
template <class T, class Dst, class Src>
inline bool blend_variable(Cpu& cpu, const Op& op) {
  typename Dst::Value b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const auto a = Dst::first(cpu, op);
  if constexpr (sizeof b == sizeof(V256)) {
    const V256 mask = Dst::of(cpu, static_cast<u8>(op.imm));
    return Dst::write(
        cpu, op, {blend_by_signs<T>(a.low, b.low, mask.low), blend_by_signs<T>(a.high, b.high, mask.high)});
  } else {
    const unsigned mask = is_vex<Dst> ? static_cast<u8>(op.imm) : 0;
    return Dst::write(cpu, op, blend_by_signs<T>(a, b, cpu.vector.xmm[mask]));
  }
}
template <class D, class S>
constexpr auto pblendvb = blend_variable<u8, D, S>;
template <class D, class S>
constexpr auto blendvps = blend_variable<u32, D, S>;
template <class D, class S>
constexpr auto blendvpd = blend_variable<u64, D, S>;

// PTEST: ZF says that a & b is zero, CF that b has nothing outside a. VTESTPx looks at signs only.
template <u64 looked_at, class Dst, class Src>
inline bool test_vectors(Cpu& cpu, const Op& op) {
  typename Dst::Value a, b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) return false;
  Dst::read(cpu, op, a);
  const auto x = bits_as<std::array<u64, sizeof a / 8>>(a), y = bits_as<std::array<u64, sizeof a / 8>>(b);
  u64 both = 0, outside = 0;
  for (unsigned i = 0; i < x.size(); ++i) {
    both |= x[i] & y[i] & looked_at;
    outside |= ~x[i] & y[i] & looked_at;
  }
  cpu.flags.set_image((both ? 0 : Eflags::ZF) | (outside ? 0 : Eflags::CF));
  return true;
}
template <class D, class S>
constexpr auto ptest = test_vectors<~u64{0}, D, S>;
template <class D, class S>
constexpr auto vtestps = test_vectors<0x8000000080000000, D, S>;
template <class D, class S>
constexpr auto vtestpd = test_vectors<0x8000000000000000, D, S>;

inline u32 signs_of_bytes(const V128& v) {
  return static_cast<u32>(simde_mm_movemask_epi8(packed_of(v))) & 0xffff;
}
template <class D, class S>
constexpr auto sse_pmovmskb = move_mask<signs_of_bytes, 16, D, S>;

// One element of type T, counted modulo the number of elements.
template <class T, class Dst, class Src>
inline bool insert_element(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, value)) return false;
  auto lanes = bits_as<LanesOf<T>>(Dst::first(cpu, op));
  lanes[static_cast<unsigned>(op.imm) % lanes.size()] = static_cast<T>(value);
  return Dst::write(cpu, op, bits_as<V128>(lanes));
}
template <class T, class Dst, class Src>
inline bool extract_element(Cpu& cpu, const Op& op) {
  if (!vector_ready<Src>(cpu)) return false;
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
  if (!vector_ready<Dst>(cpu)) return false;
  const unsigned control = static_cast<unsigned>(op.imm);
  u32 value;
  if constexpr (Src::where == Where::mem) {
    if (!Src::read(cpu, op, value)) return false;
  } else {
    const unsigned source = is_vex<Dst> ? op.r2 : op.r1;
    value = bits_as<LaneBits<float>>(cpu.vector.xmm[source])[control >> 6 & 3];
  }
  auto r = bits_as<LaneBits<float>>(Dst::first(cpu, op));
  r[control >> 4 & 3] = value;
  for (unsigned i = 0; i < 4; ++i) {
    if (control >> i & 1) r[i] = 0;
  }
  return Dst::write(cpu, op, bits_as<V128>(r));
}

// As maskmovq in cpu/exec/mmx/mmx_instructions.h.
bool store_masked(Cpu& cpu, const Op& op, const u8* bytes, const u8* mask, unsigned count);
template <class Dst, class Src>
inline bool maskmovdqu(Cpu& cpu, const Op& op) {
  if (!vector_ready<Src>(cpu)) return false;
  return store_masked(cpu, op, reinterpret_cast<const u8*>(Dst::at(cpu, op).q),
                      reinterpret_cast<const u8*>(Src::at(cpu, op).q), 16);
}

}  // namespace ringside
