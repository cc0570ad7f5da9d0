// Owns the bodies of FMA: a product and a sum that are rounded once.
#pragma once

#include <cmath>

#include "cpu/exec/sse/float_arithmetic.h"

namespace ringside {

// Which of the product and the addend are negated; of the alternating forms, in even elements and in odd
// ones.
struct FusedSigns {
  bool product = false, even_addend = false, odd_addend = false;
};
using Madd = std::integral_constant<unsigned, 0>;
using Msub = std::integral_constant<unsigned, 1>;
using Nmadd = std::integral_constant<unsigned, 2>;
using Nmsub = std::integral_constant<unsigned, 3>;
using Maddsub = std::integral_constant<unsigned, 4>;
using Msubadd = std::integral_constant<unsigned, 5>;
constexpr FusedSigns fused_signs[] = {{false, false, false}, {false, true, true},  {true, false, false},
                                      {true, true, true},    {false, true, false}, {false, false, true}};

// lanes of x become x * y + z. False: faulted.
bool fuse(Cpu& cpu, u32* x, const u32* y, const u32* z, unsigned count, FusedSigns signs);
bool fuse(Cpu& cpu, u64* x, const u64* y, const u64* z, unsigned count, FusedSigns signs);

// The digits of the mnemonic: which of the three operands are multiplied, and which is added.
template <unsigned order, class Signs>
struct Fused {
  template <class T, class V>
  static bool of(Cpu& cpu, const V& first, const V& second, const V& third, V& result, unsigned count) {
    using Lanes = std::array<T, sizeof(V) / sizeof(T)>;
    const auto& x = order == 213 ? second : order == 132 ? first : second;
    const auto& y = order == 213 ? first : third;
    const auto& z = order == 213 ? third : order == 132 ? second : first;
    auto lanes = bits_as<Lanes>(x);
    const auto factors = bits_as<Lanes>(y), addends = bits_as<Lanes>(z);
    if (!fuse(cpu, lanes.data(), factors.data(), addends.data(), count, fused_signs[Signs::value]))
      return false;
    result = bits_as<V>(lanes);
    return true;
  }
  template <class T, class Dst, class Src>
  static bool packed(Cpu& cpu, const Op& op) {
    typename Dst::Value old, third, result;
    if (!avx_ready(cpu) || !Src::read(cpu, op, third)) [[unlikely]]
      return false;
    Dst::read(cpu, op, old);
    return of<T>(cpu, old, Dst::first(cpu, op), third, result, sizeof old / sizeof(T)) &&
           Dst::write(cpu, op, result);
  }
  // The destination keeps what is above the element.
  template <class T, class Dst, class Src>
  static bool scalar(Cpu& cpu, const Op& op) {
    T third, result;
    if (!avx_ready(cpu) || !Src::read(cpu, op, third)) [[unlikely]]
      return false;
    V128 whole;
    Dst::read(cpu, op, whole);
    const T old = static_cast<T>(whole.q[0]), second = static_cast<T>(Dst::first(cpu, op).q[0]);
    if (!of<T>(cpu, old, second, third, result, 1)) return false;
    set_low(whole, result);
    return Dst::write(cpu, op, whole);
  }
  template <class D, class S>
  static constexpr auto ps = packed<u32, D, S>;
  template <class D, class S>
  static constexpr auto pd = packed<u64, D, S>;
  template <class D, class S>
  static constexpr auto ss = scalar<u32, D, S>;
  template <class D, class S>
  static constexpr auto sd = scalar<u64, D, S>;
};
template <class Signs>
using Fused132 = Fused<132, Signs>;
template <class Signs>
using Fused213 = Fused<213, Signs>;
template <class Signs>
using Fused231 = Fused<231, Signs>;

}  // namespace ringside
