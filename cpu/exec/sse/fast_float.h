// Owns the fast path of SSE floating point: when the host's own arithmetic gives the guest's result and
// flags.
//
// The host stays in its default mode (to nearest, no flushing) and its flags are never looked at. A result of
// it is the guest's if the guest rounds to nearest too, if PE is already set and masked, so that it does not
// matter whether the result was exact, and if no other flag can come up: no operand is a NaN or denormal, and
// the result is well inside the range. That is so for all but a handful of a program's operations.
//
// While PE is not set it does matter whether a result was exact. The residual tells: what the host's result
// lacks of the true one is a number that the host can compute without any rounding, by Knuth's sum of two and
// Dekker's product of two. It is zero for programs whose numbers are exact, which never set PE. What remains
// is computed by soft_float.h. Neither MXCSR nor fenv of the host is ever read or written, so there is
// nothing for a compiler to reorder, and nothing may be contracted to fused operations (the build says so).
#pragma once

#include <cstring>

#include "cpu/exec/sse/ready.h"

namespace ringside {

template <class F>
struct FloatTraits;
template <>
struct FloatTraits<float> {
  using Bits = u32;
  typedef float Vector __attribute__((vector_size(16)));
  typedef s32 Mask __attribute__((vector_size(16)));
  static constexpr unsigned lanes = 4;
  static constexpr float smallest = 0x1p-126f, largest = 0x1.fffffep+127f;
  // The factor that splits a significand in two halves, and the range in which products have residuals.
  static constexpr float splitter = 0x1p12f + 1, least_factor = 0x1p-40f, least_product = 0x1p-80f,
                         most = 0x1p100f;
};
template <>
struct FloatTraits<double> {
  using Bits = u64;
  typedef double Vector __attribute__((vector_size(16)));
  typedef s64 Mask __attribute__((vector_size(16)));
  static constexpr unsigned lanes = 2;
  static constexpr double smallest = 0x1p-1022, largest = 0x1.fffffffffffffp+1023;
  static constexpr double splitter = 0x1p27 + 1, least_factor = 0x1p-400, least_product = 0x1p-800,
                          most = 0x1p900;
};
template <class F>
using BitsOf = typename FloatTraits<F>::Bits;
template <class F>
using VectorOf = typename FloatTraits<F>::Vector;
template <class F>
using LaneBits = std::array<BitsOf<F>, FloatTraits<F>::lanes>;

// Bits taken as another type of the same size.
template <class To, class From>
inline To bits_as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(static_cast<void*>(&to), &from, sizeof to);
  return to;
}

// The same questions to one number (bool) and to a vector (a mask in each element).
inline float magnitude_of(float x) { return bits_as<float>(soft::magnitude(bits_as<u32>(x))); }
inline double magnitude_of(double x) { return bits_as<double>(soft::magnitude(bits_as<u64>(x))); }
inline VectorOf<float> magnitude_of(VectorOf<float> x) {
  using Mask = FloatTraits<float>::Mask;
  return bits_as<VectorOf<float>>(bits_as<Mask>(x) & 0x7fffffff);
}
inline VectorOf<double> magnitude_of(VectorOf<double> x) {
  using Mask = FloatTraits<double>::Mask;
  return bits_as<VectorOf<double>>(bits_as<Mask>(x) & 0x7fffffffffffffff);
}
template <class Mask>
inline bool all(Mask mask) {
  if constexpr (sizeof(Mask) < sizeof(V128)) {
    return mask != 0;
  } else {
    const V128 v = bits_as<V128>(mask);
    return (v.q[0] & v.q[1]) == ~u64{0};
  }
}

// Zero or a normal number.
template <class F, class V>
inline auto ordinary(V x) {
  const V m = magnitude_of(x);
  return ((m >= FloatTraits<F>::smallest) & (m <= FloatTraits<F>::largest)) | (x == 0);
}
// Zero, a normal number or an infinity.
template <class F, class V>
inline auto comparable(V x) {
  return (magnitude_of(x) >= FloatTraits<F>::smallest) | (x == 0);
}
// Normal, and not the smallest: rounding may have made that of a tiny number.
template <class F, class V>
inline auto inside(V x) {
  const V m = magnitude_of(x);
  return (m > FloatTraits<F>::smallest) & (m <= FloatTraits<F>::largest);
}

// Results that may be inexact need no look at PE, and are rounded as the host does.
inline bool host_rounds(const Cpu& cpu) {
  return (cpu.vector.mxcsr & (Mxcsr::RC | Mxcsr::PE | Mxcsr::PE << Mxcsr::mask_shift)) ==
         (Mxcsr::PE | Mxcsr::PE << Mxcsr::mask_shift);
}

// To nearest, whatever PE and its mask are.
inline bool host_rounds_but_for_pe(const Cpu& cpu) { return (cpu.vector.mxcsr & Mxcsr::RC) == 0; }

// r = a + b, rounded to nearest: was it exact? The residual of a sum of numbers that are not denormal is a
// number.
template <class V>
inline auto sum_is_exact(V a, V b, V r) {
  const V part = r - a;
  return (a - (r - part)) + (b - part) == 0;
}
// a * b - r, for r = a * b rounded to nearest. Right where the factors and r are in the range.
template <class F, class V>
inline V residual_of_product(V a, V b, V r) {
  const V at = a * FloatTraits<F>::splitter, bt = b * FloatTraits<F>::splitter;
  const V ah = at - (at - a), bh = bt - (bt - b);
  const V al = a - ah, bl = b - bh;
  return ((ah * bh - r) + ah * bl + al * bh) + al * bl;
}
template <class F, class V>
inline auto has_residual(V a, V b, V r) {
  const auto factor = [](V x) {
    const V m = magnitude_of(x);
    return (m >= FloatTraits<F>::least_factor) & (m <= FloatTraits<F>::most);
  };
  const V m = magnitude_of(r);
  return factor(a) & factor(b) & (m >= FloatTraits<F>::least_product) & (m <= FloatTraits<F>::most);
}
template <class F, class V>
inline auto product_is_exact(V a, V b, V r) {
  return (has_residual<F>(a, b, r) & (residual_of_product<F>(a, b, r) == 0)) | (a == 0) | (b == 0);
}

// Operations: `host` computes as the host does, `known` says that this is right but for PE, `was_exact` that
// PE is not raised (it may err to false), `exact` computes it with all flags. `rounding`: the result may be
// inexact.
struct SumOfFloats {
  static constexpr bool rounding = true;
  template <class F, class V>
  static auto known(V a, V b, V r) {
    return ordinary<F>(a) & ordinary<F>(b) & ordinary<F>(r);
  }
};
struct AddFloat : SumOfFloats {
  template <class F, class V>
  static V host(V a, V b) {
    return a + b;
  }
  template <class F, class V>
  static auto was_exact(V a, V b, V r) {
    return sum_is_exact(a, b, r);
  }
  template <class U>
  static U exact(soft::Context& c, U a, U b, unsigned) {
    return soft::add(c, a, b);
  }
};
struct SubFloat : SumOfFloats {
  template <class F, class V>
  static V host(V a, V b) {
    return a - b;
  }
  template <class F, class V>
  static auto was_exact(V a, V b, V r) {
    return sum_is_exact(a, -b, r);
  }
  template <class U>
  static U exact(soft::Context& c, U a, U b, unsigned) {
    return soft::sub(c, a, b);
  }
};
// ADDSUBxx: even elements are subtracted, odd ones added.
struct AddSubFloat : SumOfFloats {
  template <class F, class V>
  static V host(V a, V b) {
    V r = a + b;
    const V d = a - b;
    for (unsigned i = 0; i < FloatTraits<F>::lanes; i += 2) r[i] = d[i];
    return r;
  }
  template <class F, class V>
  static auto was_exact(V a, V b, V r) {
    for (unsigned i = 0; i < FloatTraits<F>::lanes; i += 2) b[i] = -b[i];
    return sum_is_exact(a, b, r);
  }
  template <class U>
  static U exact(soft::Context& c, U a, U b, unsigned lane) {
    return lane & 1 ? soft::add(c, a, b) : soft::sub(c, a, b);
  }
};
struct MulFloat {
  static constexpr bool rounding = true;
  template <class F, class V>
  static V host(V a, V b) {
    return a * b;
  }
  template <class F, class V>
  static auto known(V a, V b, V r) {
    return ordinary<F>(a) & ordinary<F>(b) & (inside<F>(r) | (a == 0) | (b == 0));
  }
  template <class F, class V>
  static auto was_exact(V a, V b, V r) {
    return product_is_exact<F>(a, b, r);
  }
  template <class U>
  static U exact(soft::Context& c, U a, U b, unsigned) {
    return soft::mul(c, a, b);
  }
};
struct DivFloat {
  static constexpr bool rounding = true;
  template <class F, class V>
  static V host(V a, V b) {
    return a / b;
  }
  template <class F, class V>
  static auto known(V a, V b, V r) {
    return ordinary<F>(a) & ordinary<F>(b) & (b != 0) & (inside<F>(r) | (a == 0));
  }
  template <class F, class V>
  static auto was_exact(V a, V b, V r) {
    const V product = r * b;
    return ((product == a) & product_is_exact<F>(r, b, product)) | (a == 0);
  }
  template <class U>
  static U exact(soft::Context& c, U a, U b, unsigned) {
    return soft::div(c, a, b);
  }
};
struct ChoiceOfFloats {
  static constexpr bool rounding = false;
  template <class F, class V>
  static auto known(V a, V b, V) {
    return comparable<F>(a) & comparable<F>(b);
  }
};
struct MinFloat : ChoiceOfFloats {
  template <class F, class V>
  static V host(V a, V b) {
    return a < b ? a : b;
  }
  template <class U>
  static U exact(soft::Context& c, U a, U b, unsigned) {
    return soft::min(c, a, b);
  }
};
struct MaxFloat : ChoiceOfFloats {
  template <class F, class V>
  static V host(V a, V b) {
    return a > b ? a : b;
  }
  template <class U>
  static U exact(soft::Context& c, U a, U b, unsigned) {
    return soft::max(c, a, b);
  }
};

}  // namespace ringside
