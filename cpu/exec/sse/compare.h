// Owns the bodies of SSE floating-point comparisons.
#pragma once

#include "cpu/exec/sse/float_arithmetic.h"
#include "cpu/exec/sse/packed.h"

namespace ringside {

// CMPxx: all ones where the predicate holds.
template <class F>
[[gnu::noinline]] bool exact_predicates(Cpu& cpu, const BitsOf<F>* a, const BitsOf<F>* b, BitsOf<F>* result,
                                        unsigned lanes, unsigned number) {
  soft::Context context(cpu.vector.mxcsr);
  std::array<BitsOf<F>, 2 * FloatTraits<F>::lanes> r{};
  for (unsigned i = 0; i < lanes; ++i) {
    r[i] = soft::predicate(context, a[i], b[i], number) ? static_cast<BitsOf<F>>(~BitsOf<F>{0}) : 0;
  }
  if (!commit_mxcsr(cpu, context)) return false;
  for (unsigned i = 0; i < lanes; ++i) result[i] = r[i];
  return true;
}
// Of numbers, none of them a NaN: UNORD never holds, ORD always.
template <class M, class V>
inline M host_predicate(V a, V b, unsigned number) {
  const M none = static_cast<M>(a != a);
  switch (number & 7) {
    case 0: return static_cast<M>(a == b);
    case 1: return static_cast<M>(a < b);
    case 2: return static_cast<M>(a <= b);
    case 3: return none;
    case 4: return static_cast<M>(a != b);
    case 5: return static_cast<M>(a >= b);
    case 6: return static_cast<M>(a > b);
    default: return static_cast<M>(a == a);
  }
}

template <class F>
inline bool all_comparable(const V128& a, const V128& b) {
  return all(comparable<F>(bits_as<VectorOf<F>>(a)) & comparable<F>(bits_as<VectorOf<F>>(b)));
}
template <class F>
struct HostPredicate {
  V128 operator()(const V128& a, const V128& b, u8 number) const {
    const auto x = bits_as<VectorOf<F>>(a), y = bits_as<VectorOf<F>>(b);
    return bits_as<V128>(host_predicate<typename FloatTraits<F>::Mask>(x, y, number));
  }
};

template <class F, class Dst, class Src>
inline bool compare_packed(Cpu& cpu, const Op& op) {
  typename Dst::Value b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const auto a = Dst::first(cpu, op);
  constexpr bool wide = sizeof b == sizeof(V256);
  bool known;
  if constexpr (wide)
    known = all_comparable<F>(a.low, b.low) && all_comparable<F>(a.high, b.high);
  else
    known = all_comparable<F>(a, b);
  const u8 number = op.imm & (is_vex<Dst> ? 31 : 7);
  if (known) [[likely]]
    return Dst::write(cpu, op, lanewise<HostPredicate<F>>(a, b, number));
  using Lanes = std::array<BitsOf<F>, sizeof b / sizeof(F)>;
  const auto left = bits_as<Lanes>(a), right = bits_as<Lanes>(b);
  Lanes r;
  return exact_predicates<F>(cpu, left.data(), right.data(), r.data(), r.size(), number) &&
         Dst::write(cpu, op, bits_as<typename Dst::Value>(r));
}
template <class F, class Dst, class Src>
inline bool compare_scalar(Cpu& cpu, const Op& op) {
  using U = BitsOf<F>;
  U b, r;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const U a = static_cast<U>(Dst::first(cpu, op).q[0]);
  const F x = bits_as<F>(a), y = bits_as<F>(b);
  if (comparable<F>(x) & comparable<F>(y)) [[likely]] {
    r = host_predicate<bool>(x, y, static_cast<unsigned>(op.imm)) ? ~U{0} : 0;
  } else if (!exact_predicates<F>(cpu, &a, &b, &r, 1, op.imm & (is_vex<Dst> ? 31 : 7))) {
    return false;
  }
  put_low<Dst>(cpu, op, r);
  return true;
}
template <class D, class S>
constexpr auto cmpps = compare_packed<float, D, S>;
template <class D, class S>
constexpr auto cmppd = compare_packed<double, D, S>;
template <class D, class S>
constexpr auto cmpss = compare_scalar<float, D, S>;
template <class D, class S>
constexpr auto cmpsd_scalar = compare_scalar<double, D, S>;

// COMISx, UCOMISx: ZF, PF, CF say the relation; OF, SF, AF are cleared.
template <class F, bool signalling, class Dst, class Src>
inline bool compare_to_flags(Cpu& cpu, const Op& op) {
  using U = BitsOf<F>;
  U b;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, b)) [[unlikely]]
    return false;
  const U a = static_cast<U>(Dst::at(cpu, op).q[0]);
  const F x = bits_as<F>(a), y = bits_as<F>(b);
  u64 image;
  if (comparable<F>(x) & comparable<F>(y)) [[likely]] {
    image = (x == y ? Eflags::ZF : 0) | (x < y ? Eflags::CF : 0);
  } else {
    soft::Context context(cpu.vector.mxcsr);
    const soft::Relation relation = soft::compare(context, a, b, signalling);
    if (!commit_mxcsr(cpu, context)) return false;
    image = relation == soft::Relation::unordered ? Eflags::ZF | Eflags::PF | Eflags::CF
            : relation == soft::Relation::less    ? Eflags::CF
            : relation == soft::Relation::equal   ? Eflags::ZF
                                                  : 0;
  }
  cpu.flags.set_image(image);
  return true;
}
template <class D, class S>
constexpr auto comiss = compare_to_flags<float, true, D, S>;
template <class D, class S>
constexpr auto comisd = compare_to_flags<double, true, D, S>;
template <class D, class S>
constexpr auto ucomiss = compare_to_flags<float, false, D, S>;
template <class D, class S>
constexpr auto ucomisd = compare_to_flags<double, false, D, S>;

}  // namespace ringside
