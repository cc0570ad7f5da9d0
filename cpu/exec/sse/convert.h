// Owns the bodies of SSE conversions between integers and floating point, between the formats, and of
// ROUNDxx.
#pragma once

#include <cmath>

#include "cpu/exec/sse/float_arithmetic.h"

namespace ringside {

// How a conversion to integers rounds: by MXCSR.RC or towards zero.
enum class Cut : u8 { control, truncate };

template <class Integer, class F, Cut cut>
[[gnu::noinline]] bool exact_to_integers(Cpu& cpu, const BitsOf<F>* in, Integer* out, unsigned lanes) {
  soft::Context context(cpu.vector.mxcsr);
  const soft::Rounding rounding = cut == Cut::truncate ? soft::Rounding::zero : context.rounding();
  for (unsigned i = 0; i < lanes; ++i) out[i] = soft::to_integer<Integer>(context, in[i], rounding);
  return commit_mxcsr(cpu, context);
}

// CVTSS2SI and its kin: one number into a general-purpose register.
template <class F, Cut cut, class Dst, class Src>
inline bool to_integer_scalar(Cpu& cpu, const Op& op) {
  using Integer = std::make_signed_t<typename Dst::Value>;
  constexpr F limit = sizeof(Integer) == 4 ? F(0x1p31) : F(0x1p63);
  BitsOf<F> in;
  if (!vector_ready<Src>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  Integer out;
  const F x = bits_as<F>(in);
  if (x > -limit && x < limit) [[likely]] {
    out = static_cast<Integer>(x);
    // A whole number is not rounded; a denormal is not one.
    if (static_cast<F>(out) == x || (cut == Cut::truncate && host_rounds(cpu))) [[likely]]
      return Dst::write(cpu, op, static_cast<typename Dst::Value>(out));
  }
  return exact_to_integers<Integer, F, cut>(cpu, &in, &out, 1) &&
         Dst::write(cpu, op, static_cast<typename Dst::Value>(out));
}
template <class D, class S>
constexpr auto cvtss2si = to_integer_scalar<float, Cut::control, D, S>;
template <class D, class S>
constexpr auto cvtsd2si = to_integer_scalar<double, Cut::control, D, S>;
template <class D, class S>
constexpr auto cvttss2si = to_integer_scalar<float, Cut::truncate, D, S>;
template <class D, class S>
constexpr auto cvttsd2si = to_integer_scalar<double, Cut::truncate, D, S>;

// CVTSI2SS, CVTSI2SD.
template <class F, class Dst, class Src>
inline bool from_integer_scalar(Cpu& cpu, const Op& op) {
  using Integer = std::make_signed_t<typename Src::Value>;
  typename Src::Value in;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  const Integer value = static_cast<Integer>(in);
  constexpr s64 whole = s64{1} << (sizeof(F) == 4 ? 24 : 53);
  // A number between those is exact if it comes back; none that rounds to 2^63 does.
  constexpr F limit = sizeof(Integer) == 4 ? F(0x1p31) : F(0x1p63);
  const F host = static_cast<F>(value);
  BitsOf<F> out = bits_as<BitsOf<F>>(host);
  const bool exact =
      (value >= -whole && value <= whole) || (host < limit && static_cast<Integer>(host) == value);
  if (!exact && !host_rounds(cpu)) [[unlikely]] {
    soft::Context context(cpu.vector.mxcsr);
    out = soft::from_integer<BitsOf<F>>(context, value);
    if (!commit_mxcsr(cpu, context)) return false;
  }
  put_low<Dst>(cpu, op, out);
  return true;
}
template <class D, class S>
constexpr auto cvtsi2ss = from_integer_scalar<float, D, S>;
template <class D, class S>
constexpr auto cvtsi2sd = from_integer_scalar<double, D, S>;

// The host narrows this as the guest would, but for PE.
inline bool narrows(double x) {
  const double m = magnitude_of(x);
  return (m >= 0x1.000002p-126 && m <= 0x1.fffffep+127) || x == 0;
}

// The same with PE told by what comes back.
inline bool host_narrows(const Cpu& cpu, double x) {
  return narrows(x) && (host_rounds(cpu) ||
                        (host_rounds_but_for_pe(cpu) && static_cast<double>(static_cast<float>(x)) == x));
}

// CVTSS2SD, CVTSD2SS.
template <class Dst, class Src>
inline bool cvtss2sd(Cpu& cpu, const Op& op) {
  u32 in;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  const float x = bits_as<float>(in);
  u64 out;
  if (comparable<float>(x)) [[likely]] {
    out = bits_as<u64>(static_cast<double>(x));
  } else {
    soft::Context context(cpu.vector.mxcsr);
    out = soft::widen(context, in);
    if (!commit_mxcsr(cpu, context)) return false;
  }
  put_low<Dst>(cpu, op, out);
  return true;
}
template <class Dst, class Src>
inline bool cvtsd2ss(Cpu& cpu, const Op& op) {
  u64 in;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  const double x = bits_as<double>(in);
  u32 out;
  if (host_narrows(cpu, x)) [[likely]] {
    out = bits_as<u32>(static_cast<float>(x));
  } else {
    soft::Context context(cpu.vector.mxcsr);
    out = soft::narrow(context, in);
    if (!commit_mxcsr(cpu, context)) return false;
  }
  put_low<Dst>(cpu, op, out);
  return true;
}

// Packed conversions, all in integers but for the whole-register ones that need no rounding. Those that widen
// read half a register, those that narrow write one and clear what is above.
template <class T, class V>
using ElementsOf = std::array<T, sizeof(V) / sizeof(T)>;

template <class Dst, class Src>
inline bool cvtps2pd(Cpu& cpu, const Op& op) {
  typename Src::Value in;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  const auto x = bits_as<ElementsOf<u32, decltype(in)>>(in);
  ElementsOf<u64, typename Dst::Value> out;
  bool known = true;
  for (unsigned i = 0; i < x.size(); ++i) {
    known = known & comparable<float>(bits_as<float>(x[i]));
    out[i] = bits_as<u64>(static_cast<double>(bits_as<float>(x[i])));
  }
  if (!known) [[unlikely]] {
    soft::Context context(cpu.vector.mxcsr);
    for (unsigned i = 0; i < x.size(); ++i) out[i] = soft::widen(context, x[i]);
    if (!commit_mxcsr(cpu, context)) return false;
  }
  return Dst::write(cpu, op, bits_as<typename Dst::Value>(out));
}
template <class Dst, class Src>
inline bool cvtpd2ps(Cpu& cpu, const Op& op) {
  typename Src::Value in;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  const auto x = bits_as<ElementsOf<u64, decltype(in)>>(in);
  ElementsOf<u32, V128> out{};
  bool known = true;
  for (unsigned i = 0; known && i < x.size(); ++i) {
    known = host_narrows(cpu, bits_as<double>(x[i]));
    if (known) out[i] = bits_as<u32>(static_cast<float>(bits_as<double>(x[i])));
  }
  if (!known) [[unlikely]] {
    soft::Context context(cpu.vector.mxcsr);
    for (unsigned i = 0; i < x.size(); ++i) out[i] = soft::narrow(context, x[i]);
    if (!commit_mxcsr(cpu, context)) return false;
  }
  return Dst::write(cpu, op, bits_as<V128>(out));
}

template <class Dst, class Src>
inline bool cvtdq2ps(Cpu& cpu, const Op& op) {
  typename Src::Value in;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  const auto x = bits_as<ElementsOf<s32, decltype(in)>>(in);
  ElementsOf<u32, decltype(in)> out;
  bool known = true;
  const bool rounds = host_rounds(cpu);
  for (unsigned i = 0; i < x.size(); ++i) {
    const float host = static_cast<float>(x[i]);
    known = known && (rounds || static_cast<double>(host) == static_cast<double>(x[i]));
    out[i] = bits_as<u32>(host);
  }
  if (!known) [[unlikely]] {
    soft::Context context(cpu.vector.mxcsr);
    for (unsigned i = 0; i < x.size(); ++i) out[i] = soft::from_integer<u32>(context, x[i]);
    if (!commit_mxcsr(cpu, context)) return false;
  }
  return Dst::write(cpu, op, bits_as<typename Dst::Value>(out));
}
// Two 32-bit integers to doubles: always exact.
inline V128 doubles_of(u64 integers) {
  return {{bits_as<u64>(static_cast<double>(static_cast<s32>(integers))),
           bits_as<u64>(static_cast<double>(static_cast<s32>(integers >> 32)))}};
}
inline V256 doubles_of(const V128& integers) {
  return {doubles_of(integers.q[0]), doubles_of(integers.q[1])};
}
template <class Dst, class Src>
inline bool cvtdq2pd(Cpu& cpu, const Op& op) {
  typename Src::Value in;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, doubles_of(in));
}

// Of a number that fits. Beyond 2^52 doubles have no fractions: adding that rounds to nearest.
template <Cut cut>
inline s32 host_integer(double x) {
  constexpr double shift = 0x1.8p52;
  return static_cast<s32>(cut == Cut::truncate ? x : (x + shift) - shift);
}

inline bool fit_integers(const V128& v, float) {
  return all(magnitude_of(bits_as<VectorOf<float>>(v)) < 0x7fffff80);
}
inline bool fit_integers(const V128& v, double) {
  return all(magnitude_of(bits_as<VectorOf<double>>(v)) < 0x7fffff80);
}
template <class F>
inline bool fit_integers(const V256& v, F kind) {
  return fit_integers(v.low, kind) && fit_integers(v.high, kind);
}

// CVTPS2DQ, CVTTPS2DQ; CVTPD2DQ, CVTTPD2DQ.
template <class F, Cut cut, class Dst, class Src>
inline bool to_integer_packed(Cpu& cpu, const Op& op) {
  typename Src::Value in;
  if (!vector_ready<Dst>(cpu) || !Src::read(cpu, op, in)) [[unlikely]]
    return false;
  const auto x = bits_as<ElementsOf<BitsOf<F>, decltype(in)>>(in);
  ElementsOf<s32, typename Dst::Value> out{};
  bool known = fit_integers(in, F());
  const bool rounds = host_rounds(cpu);
  for (unsigned i = 0; known && i < x.size(); ++i) {
    out[i] = host_integer<cut>(bits_as<F>(x[i]));
    known = rounds || static_cast<F>(out[i]) == bits_as<F>(x[i]);  // a whole number is not rounded
  }
  if (!known && !exact_to_integers<s32, F, cut>(cpu, x.data(), out.data(), x.size())) [[unlikely]]
    return false;
  return Dst::write(cpu, op, bits_as<typename Dst::Value>(out));
}
template <class D, class S>
constexpr auto cvtps2dq = to_integer_packed<float, Cut::control, D, S>;
template <class D, class S>
constexpr auto cvttps2dq = to_integer_packed<float, Cut::truncate, D, S>;
template <class D, class S>
constexpr auto cvtpd2dq = to_integer_packed<double, Cut::control, D, S>;
template <class D, class S>
constexpr auto cvttpd2dq = to_integer_packed<double, Cut::truncate, D, S>;

// Between MMX and XMM registers. CVTPI2PD from memory leaves the x87 state alone.
template <class Dst, class Src>
inline bool cvtpi2ps(Cpu& cpu, const Op& op) {
  u64 in;
  if (!sse_ready(cpu) || !mmx_ready(cpu) || !Src::read(cpu, op, in)) return false;
  soft::Context context(cpu.vector.mxcsr);
  const u64 low = soft::from_integer<u32>(context, static_cast<s32>(in)),
            high = soft::from_integer<u32>(context, static_cast<s32>(in >> 32));
  if (!commit_mxcsr(cpu, context)) return false;
  mark_mmx_in_use(cpu);
  Dst::at(cpu, op).q[0] = low | high << 32;
  return true;
}
template <class Dst, class Src>
inline bool cvtpi2pd(Cpu& cpu, const Op& op) {
  constexpr bool from_register = Src::where == Where::reg;
  u64 in;
  if (!sse_ready(cpu) || (from_register && !mmx_ready(cpu)) || !Src::read(cpu, op, in)) return false;
  if constexpr (from_register) mark_mmx_in_use(cpu);
  Dst::at(cpu, op) = doubles_of(in);
  return true;
}
template <class F, Cut cut, class Dst, class Src>
inline bool to_mmx(Cpu& cpu, const Op& op) {
  typename Src::Value in;
  if (!sse_ready(cpu) || !mmx_ready(cpu) || !Src::read(cpu, op, in)) return false;
  const auto x = bits_as<std::array<BitsOf<F>, 2>>(in);
  std::array<s32, 2> out;
  if (!exact_to_integers<s32, F, cut>(cpu, x.data(), out.data(), 2)) return false;
  mark_mmx_in_use(cpu);
  return Dst::write(cpu, op, bits_as<u64>(out));
}
template <class D, class S>
constexpr auto cvtps2pi = to_mmx<float, Cut::control, D, S>;
template <class D, class S>
constexpr auto cvttps2pi = to_mmx<float, Cut::truncate, D, S>;
template <class D, class S>
constexpr auto cvtpd2pi = to_mmx<double, Cut::control, D, S>;
template <class D, class S>
constexpr auto cvttpd2pi = to_mmx<double, Cut::truncate, D, S>;

// ROUNDxx: bits 0-1 of the immediate are the rounding, bit 2 takes MXCSR's instead, bit 3 keeps PE as it is.
// The host's functions round numbers that are no NaNs or denormals; std::nearbyint in the host's default
// mode.
template <class F>
inline F host_round(F x, soft::Rounding rounding) {
  switch (rounding) {
    case soft::Rounding::nearest: return std::nearbyint(x);
    case soft::Rounding::down: return std::floor(x);
    case soft::Rounding::up: return std::ceil(x);
    case soft::Rounding::zero: break;
  }
  return std::trunc(x);
}
inline u32 host_round(u32 a, soft::Rounding r) { return bits_as<u32>(host_round(bits_as<float>(a), r)); }
inline u64 host_round(u64 a, soft::Rounding r) { return bits_as<u64>(host_round(bits_as<double>(a), r)); }

template <class U>
inline U round_by(soft::Context& c, U a, unsigned control) {
  const auto rounding = control & 4 ? c.rounding() : static_cast<soft::Rounding>(control & 3);
  const bool ordinary_operand =
      soft::magnitude(a) == 0 || (soft::magnitude(a) >= soft::smallest_normal<U> && !soft::is_nan(a));
  if (ordinary_operand) [[likely]] {
    const U r = host_round(a, rounding);
    if (r != a && !(control & 8)) c.after |= Mxcsr::PE;
    return r;
  }
  return soft::round_to_integral(c, a, rounding, control & 8);
}
struct RoundToIntegral {
  template <class Lanes>
  bool operator()(Cpu& cpu, const Op& op, Lanes& lanes) const {
    soft::Context context(cpu.vector.mxcsr);
    for (auto& lane : lanes) lane = round_by(context, lane, static_cast<unsigned>(op.imm));
    return commit_mxcsr(cpu, context);
  }
};
template <class D, class S>
constexpr auto roundps = each_lane<float, RoundToIntegral, D, S>;
template <class D, class S>
constexpr auto roundpd = each_lane<double, RoundToIntegral, D, S>;
template <class D, class S>
constexpr auto roundss = each_lane<float, RoundToIntegral, D, S>;
template <class D, class S>
constexpr auto roundsd = each_lane<double, RoundToIntegral, D, S>;

}  // namespace ringside
