// Owns the bodies of AVX instructions that move elements across the halves of a register, or have no SSE
// form: broadcasts, inserted and extracted halves, permutations, shifts by a count for each element,
// VZEROUPPER.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

// All of a register filled with the elements of `value`, of which V is a multiple.
template <class V, class T>
inline V repeated(const T& value) {
  std::array<T, sizeof(V) / sizeof(T)> r;
  r.fill(value);
  return bits_as<V>(r);
}
// VBROADCASTx, VPBROADCASTx: from memory, or from a register's low element where Src is no more than that.
template <class Dst, class Src>
inline bool broadcast(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!avx_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, repeated<typename Dst::Value>(value));
}
// From a register that the row names whole.
template <class T, class Dst, class Src>
inline bool broadcast_element(Cpu& cpu, const Op& op) {
  if (!avx_ready(cpu)) return false;
  return Dst::write(cpu, op, repeated<typename Dst::Value>(static_cast<T>(Src::at(cpu, op).q[0])));
}
template <class D, class S>
constexpr auto broadcast_dword = broadcast_element<u32, D, S>;
template <class D, class S>
constexpr auto broadcast_qword = broadcast_element<u64, D, S>;

// VINSERTF128, VEXTRACTF128 and their integer forms.
template <class Dst, class Src>
inline bool insert_half(Cpu& cpu, const Op& op) {
  V128 value;
  if (!avx_ready(cpu) || !Src::read(cpu, op, value)) return false;
  V256 r = Dst::first(cpu, op);
  (op.imm & 1 ? r.high : r.low) = value;
  return Dst::write(cpu, op, r);
}
template <class Dst, class Src>
inline bool extract_half(Cpu& cpu, const Op& op) {
  if (!avx_ready(cpu)) return false;
  V256 value;
  Src::read(cpu, op, value);
  return Dst::write(cpu, op, op.imm & 1 ? value.high : value.low);
}

// VPERM2F128, VPERM2I128: four bits for each half say which of four it becomes, or that it is cleared.
template <class Dst, class Src>
inline bool permute_halves(Cpu& cpu, const Op& op) {
  V256 b;
  if (!avx_ready(cpu) || !Src::read(cpu, op, b)) return false;
  const V256 a = Dst::first(cpu, op);
  const V128 of[] = {a.low, a.high, b.low, b.high};
  const auto chosen = [&](int control) { return control & 8 ? V128{} : of[control & 3]; };
  return Dst::write(cpu, op, {chosen(op.imm), chosen(op.imm >> 4)});
}

// VPERMD, VPERMPS: the first source says for each element which of the second it becomes.
template <class Dst, class Src>
inline bool permute_dwords(Cpu& cpu, const Op& op) {
  V256 b;
  if (!avx_ready(cpu) || !Src::read(cpu, op, b)) return false;
  const auto index = bits_as<std::array<u32, 8>>(Dst::first(cpu, op)), x = bits_as<std::array<u32, 8>>(b);
  std::array<u32, 8> r;
  for (unsigned i = 0; i < 8; ++i) r[i] = x[index[i] & 7];
  return Dst::write(cpu, op, bits_as<V256>(r));
}
// VPERMQ, VPERMPD: by an immediate.
template <class Dst, class Src>
inline bool permute_qwords(Cpu& cpu, const Op& op) {
  V256 b;
  if (!avx_ready(cpu) || !Src::read(cpu, op, b)) return false;
  const auto x = bits_as<std::array<u64, 4>>(b);
  std::array<u64, 4> r;
  for (unsigned i = 0; i < 4; ++i) r[i] = x[static_cast<unsigned>(op.imm) >> (2 * i) & 3];
  return Dst::write(cpu, op, bits_as<V256>(r));
}

// VPERMILPS, VPERMILPD: inside each half, by the second source's elements or by an immediate.
struct PermuteSingles {
  V128 operator()(const V128& a, const V128& b) const {
    const auto x = bits_as<LanesOf<u32>>(a), index = bits_as<LanesOf<u32>>(b);
    LanesOf<u32> r;
    for (unsigned i = 0; i < 4; ++i) r[i] = x[index[i] & 3];
    return bits_as<V128>(r);
  }
};
struct PermuteDoubles {
  V128 operator()(const V128& a, const V128& b) const {
    return {{a.q[b.q[0] >> 1 & 1], a.q[b.q[1] >> 1 & 1]}};
  }
};
struct SelectSingles {
  V128 operator()(const V128&, const V128& b, u8 select) const {
    const auto x = bits_as<LanesOf<u32>>(b);
    const LanesOf<u32> r = {x[select & 3], x[select >> 2 & 3], x[select >> 4 & 3], x[select >> 6]};
    return bits_as<V128>(r);
  }
};
struct SelectDoubles {
  static constexpr unsigned bits_of_a_half = 2;
  V128 operator()(const V128&, const V128& b, u8 select) const {
    return {{b.q[select & 1], b.q[select >> 1 & 1]}};
  }
};
template <class D, class S>
constexpr auto vpermilps = packed_sse<PermuteSingles, D, S>;
template <class D, class S>
constexpr auto vpermilpd = packed_sse<PermuteDoubles, D, S>;
template <class D, class S>
constexpr auto vpermilps_immediate = packed_sse_control<SelectSingles, D, S>;
template <class D, class S>
constexpr auto vpermilpd_immediate = packed_sse_control<SelectDoubles, D, S>;

// Shifts with a count for each element. A count beyond the element's bits leaves its sign, or nothing.
enum class Shift : u8 { left, right, arithmetic };
template <class T, Shift kind>
struct ShiftEach {
  V128 operator()(const V128& a, const V128& b) const {
    auto r = bits_as<LanesOf<T>>(a);
    const auto count = bits_as<LanesOf<T>>(b);
    constexpr T bits = sizeof(T) * 8;
    for (unsigned i = 0; i < r.size(); ++i) {
      const bool inside = count[i] < bits;
      if constexpr (kind == Shift::arithmetic)
        r[i] = static_cast<T>(static_cast<std::make_signed_t<T>>(r[i]) >> (inside ? count[i] : bits - 1));
      else
        r[i] = !inside ? T{0} : kind == Shift::left ? r[i] << count[i] : r[i] >> count[i];
    }
    return bits_as<V128>(r);
  }
};
template <class D, class S>
constexpr auto vpsllvd = packed_sse<ShiftEach<u32, Shift::left>, D, S>;
template <class D, class S>
constexpr auto vpsllvq = packed_sse<ShiftEach<u64, Shift::left>, D, S>;
template <class D, class S>
constexpr auto vpsrlvd = packed_sse<ShiftEach<u32, Shift::right>, D, S>;
template <class D, class S>
constexpr auto vpsrlvq = packed_sse<ShiftEach<u64, Shift::right>, D, S>;
template <class D, class S>
constexpr auto vpsravd = packed_sse<ShiftEach<u32, Shift::arithmetic>, D, S>;

// Outside 64-bit mode the registers from 8 on keep what they have.
template <bool all>
inline bool zero_registers(Cpu& cpu, const Op&) {
  if (!avx_ready(cpu)) return false;
  const unsigned count = cpu.mode.bits64 ? 16 : 8;
  for (unsigned n = 0; n < count; ++n) {
    if (all) cpu.vector.xmm[n] = {};
    cpu.vector.upper[n] = {};
  }
  return true;
}
constexpr auto vzeroupper = zero_registers<false>;
constexpr auto vzeroall = zero_registers<true>;

}  // namespace ringside
