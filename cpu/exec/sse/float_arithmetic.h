// Owns the bodies of SSE floating-point arithmetic: two operands, square roots, horizontal forms, dot
// products.
#pragma once

#include "cpu/exec/core/operands.h"
#include "cpu/exec/sse/packed.h"

namespace ringside {

// Element by element in integers, with the flags settled. False: faulted, and `result` is not to be used.
template <class Operation, class F, class V>
[[gnu::noinline]] bool exact_lanes(Cpu& cpu, const V& a, const V& b, V& result) {
  soft::Context context(cpu.vector.mxcsr);
  using Lanes = std::array<BitsOf<F>, sizeof(V) / sizeof(F)>;
  const auto x = bits_as<Lanes>(a), y = bits_as<Lanes>(b);
  Lanes r{};
  for (unsigned i = 0; i < r.size(); ++i) r[i] = Operation::exact(context, x[i], y[i], i);
  if (!commit_mxcsr(cpu, context)) return false;
  result = bits_as<V>(r);
  return true;
}
template <class Operation, class F>
[[gnu::noinline]] bool exact_scalar(Cpu& cpu, BitsOf<F> a, BitsOf<F> b, BitsOf<F>& result) {
  soft::Context context(cpu.vector.mxcsr);
  const BitsOf<F> r = Operation::exact(context, a, b, 0);
  if (!commit_mxcsr(cpu, context)) return false;
  result = r;
  return true;
}

// Whether the host's result of an operation is all that there is to say.
template <class Operation, class F, class V>
inline bool host_is_right(const Cpu& cpu, V a, V b, V r) {
  if (!all(Operation::template known<F>(a, b, r))) [[unlikely]]
    return false;
  if constexpr (Operation::rounding) {
    if (!host_rounds(cpu)) [[unlikely]]
      return host_rounds_but_for_pe(cpu) && all(Operation::template was_exact<F>(a, b, r));
  }
  return true;
}

// The host's result. False: it is not right.
template <class Operation, class F>
inline bool host_lanes(const Cpu& cpu, const V128& a, const V128& b, V128& result) {
  const auto x = bits_as<VectorOf<F>>(a), y = bits_as<VectorOf<F>>(b);
  const VectorOf<F> r = Operation::template host<F>(x, y);
  result = bits_as<V128>(r);
  return host_is_right<Operation, F>(cpu, x, y, r);
}
template <class Operation, class F>
inline bool host_lanes(const Cpu& cpu, const V256& a, const V256& b, V256& result) {
  return host_lanes<Operation, F>(cpu, a.low, b.low, result.low) &&
         host_lanes<Operation, F>(cpu, a.high, b.high, result.high);
}
// Into the destination. The exact result has a place of its own, so that the host's stays in a register.
template <class Operation, class F, class Dst, class V>
inline bool combine_lanes(Cpu& cpu, const Op& op, const V& a, const V& b) {
  V r;
  if (host_lanes<Operation, F>(cpu, a, b, r)) [[likely]]
    return Dst::write(cpu, op, r);
  V exact;
  return exact_lanes<Operation, F>(cpu, a, b, exact) && Dst::write(cpu, op, exact);
}

template <class Operation, class F, class Dst, class Src>
inline bool packed_float(Cpu& cpu, const Op& op) {
  typename Dst::Value b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  return combine_lanes<Operation, F, Dst>(cpu, op, Dst::first(cpu, op), b);
}

template <class Operation, class F, class Dst, class Src>
inline bool scalar_float(Cpu& cpu, const Op& op) {
  using U = BitsOf<F>;
  U b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const U a = static_cast<U>(Dst::first(cpu, op).q[0]);
  const F x = bits_as<F>(a), y = bits_as<F>(b);
  const F r = Operation::template host<F>(x, y);
  U result = bits_as<U>(r);
  if (!host_is_right<Operation, F>(cpu, x, y, r)) [[unlikely]] {
    if (!exact_scalar<Operation, F>(cpu, a, b, result)) return false;
  }
  put_low<Dst>(cpu, op, result);
  return true;
}

template <class D, class S>
constexpr auto addps = packed_float<AddFloat, float, D, S>;
template <class D, class S>
constexpr auto addpd = packed_float<AddFloat, double, D, S>;
template <class D, class S>
constexpr auto addss = scalar_float<AddFloat, float, D, S>;
template <class D, class S>
constexpr auto addsd = scalar_float<AddFloat, double, D, S>;
template <class D, class S>
constexpr auto subps = packed_float<SubFloat, float, D, S>;
template <class D, class S>
constexpr auto subpd = packed_float<SubFloat, double, D, S>;
template <class D, class S>
constexpr auto subss = scalar_float<SubFloat, float, D, S>;
template <class D, class S>
constexpr auto subsd = scalar_float<SubFloat, double, D, S>;
template <class D, class S>
constexpr auto mulps = packed_float<MulFloat, float, D, S>;
template <class D, class S>
constexpr auto mulpd = packed_float<MulFloat, double, D, S>;
template <class D, class S>
constexpr auto mulss = scalar_float<MulFloat, float, D, S>;
template <class D, class S>
constexpr auto mulsd = scalar_float<MulFloat, double, D, S>;
template <class D, class S>
constexpr auto divps = packed_float<DivFloat, float, D, S>;
template <class D, class S>
constexpr auto divpd = packed_float<DivFloat, double, D, S>;
template <class D, class S>
constexpr auto divss = scalar_float<DivFloat, float, D, S>;
template <class D, class S>
constexpr auto divsd = scalar_float<DivFloat, double, D, S>;
template <class D, class S>
constexpr auto minps = packed_float<MinFloat, float, D, S>;
template <class D, class S>
constexpr auto minpd = packed_float<MinFloat, double, D, S>;
template <class D, class S>
constexpr auto minss = scalar_float<MinFloat, float, D, S>;
template <class D, class S>
constexpr auto minsd = scalar_float<MinFloat, double, D, S>;
template <class D, class S>
constexpr auto maxps = packed_float<MaxFloat, float, D, S>;
template <class D, class S>
constexpr auto maxpd = packed_float<MaxFloat, double, D, S>;
template <class D, class S>
constexpr auto maxss = scalar_float<MaxFloat, float, D, S>;
template <class D, class S>
constexpr auto maxsd = scalar_float<MaxFloat, double, D, S>;
template <class D, class S>
constexpr auto addsubps = packed_float<AddSubFloat, float, D, S>;
template <class D, class S>
constexpr auto addsubpd = packed_float<AddSubFloat, double, D, S>;

// HADDxx, HSUBxx: neighbours are combined, those of the destination below those of the source, in either
// half.
template <class F, bool odd>
struct Neighbours {
  V128 operator()(const V128& a, const V128& b) const {
    const auto x = bits_as<LaneBits<F>>(a), y = bits_as<LaneBits<F>>(b);
    LaneBits<F> r{};
    const unsigned half = r.size() / 2;
    for (unsigned i = 0; i < half; ++i) {
      r[i] = x[2 * i + odd];
      r[half + i] = y[2 * i + odd];
    }
    return bits_as<V128>(r);
  }
};
template <class Operation, class F, class Dst, class Src>
inline bool horizontal_float(Cpu& cpu, const Op& op) {
  typename Dst::Value b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const auto a = Dst::first(cpu, op);
  const auto even = lanewise<Neighbours<F, false>>(a, b), odd = lanewise<Neighbours<F, true>>(a, b);
  return combine_lanes<Operation, F, Dst>(cpu, op, even, odd);
}
template <class D, class S>
constexpr auto haddps = horizontal_float<AddFloat, float, D, S>;
template <class D, class S>
constexpr auto haddpd = horizontal_float<AddFloat, double, D, S>;
template <class D, class S>
constexpr auto hsubps = horizontal_float<SubFloat, float, D, S>;
template <class D, class S>
constexpr auto hsubpd = horizontal_float<SubFloat, double, D, S>;

// Instructions with one source: the elements of the source, or the lowest alone where Src is no more, go
// through f(cpu, op, elements), which changes them in place or returns false, and then into the destination.
template <class F, class Function, class Dst, class Src>
inline bool each_lane(Cpu& cpu, const Op& op) {
  typename Src::Value b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  auto lanes = bits_as<std::array<BitsOf<F>, sizeof b / sizeof(BitsOf<F>)>>(b);
  if (!Function{}(cpu, op, lanes)) return false;
  if constexpr (sizeof b >= sizeof(V128)) {
    return Dst::write(cpu, op, bits_as<typename Dst::Value>(lanes));
  } else {
    put_low<Dst>(cpu, op, lanes);
    return true;
  }
}

// The host's square root is correctly rounded as IEEE 754 demands; only signs, zeros and NaNs need a look.
template <class F>
bool square_roots(Cpu& cpu, BitsOf<F>* lanes, unsigned count);
extern template bool square_roots<float>(Cpu&, u32*, unsigned);
extern template bool square_roots<double>(Cpu&, u64*, unsigned);

template <class F>
struct SquareRoots {
  template <class Lanes>
  bool operator()(Cpu& cpu, const Op&, Lanes& lanes) const {
    return square_roots<F>(cpu, lanes.data(), lanes.size());
  }
};
template <class D, class S>
constexpr auto sqrtps = each_lane<float, SquareRoots<float>, D, S>;
template <class D, class S>
constexpr auto sqrtpd = each_lane<double, SquareRoots<double>, D, S>;
template <class D, class S>
constexpr auto sqrtss = each_lane<float, SquareRoots<float>, D, S>;
template <class D, class S>
constexpr auto sqrtsd = each_lane<double, SquareRoots<double>, D, S>;

// RCPxx, RSQRTxx: one answer on every host. See arithmetic.cpp for which.
u32 approximate_reciprocal(u32 a);
u32 approximate_reciprocal_root(u32 a);

template <u32 (*function)(u32)>
struct Approximations {
  template <class Lanes>
  bool operator()(Cpu&, const Op&, Lanes& lanes) const {
    for (u32& lane : lanes) lane = function(lane);
    return true;
  }
};
template <class D, class S>
constexpr auto rcpps = each_lane<float, Approximations<approximate_reciprocal>, D, S>;
template <class D, class S>
constexpr auto rcpss = each_lane<float, Approximations<approximate_reciprocal>, D, S>;
template <class D, class S>
constexpr auto rsqrtps = each_lane<float, Approximations<approximate_reciprocal_root>, D, S>;
template <class D, class S>
constexpr auto rsqrtss = each_lane<float, Approximations<approximate_reciprocal_root>, D, S>;

// DPPS, DPPD. Each step settles its flags before the next one begins, as the manual's exceptions section
// says. Of a, of one half or two, the results take the place.
bool dot_product_single(Cpu& cpu, V128* a, const V128* b, unsigned halves, u8 control);
bool dot_product_double(Cpu& cpu, V128* a, const V128* b, unsigned halves, u8 control);

template <bool (*function)(Cpu&, V128*, const V128*, unsigned, u8), class Dst, class Src>
inline bool with_control(Cpu& cpu, const Op& op) {
  typename Dst::Value b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  using Halves = std::array<V128, sizeof b / sizeof(V128)>;
  auto a = bits_as<Halves>(Dst::first(cpu, op));
  const auto source = bits_as<Halves>(b);
  return function(cpu, a.data(), source.data(), a.size(), static_cast<u8>(op.imm)) &&
         Dst::write(cpu, op, bits_as<typename Dst::Value>(a));
}
template <class D, class S>
constexpr auto dpps = with_control<dot_product_single, D, S>;
template <class D, class S>
constexpr auto dppd = with_control<dot_product_double, D, S>;

}  // namespace ringside
