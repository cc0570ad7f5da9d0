// Owns the bodies of the x87 instructions that calculate and compare.
#pragma once

#include "cpu/exec/x87/float80_arith.h"
#include "cpu/exec/x87/float80_remainder.h"
#include "cpu/exec/x87/float80_transcendental.h"
#include "cpu/exec/x87/unit.h"

namespace ringside {

namespace x87 {

// -- Operations on two operands: the destination is the first.
struct Add {
  static Float80 apply(Float80 a, Float80 b, FpuControl c, FpuStatus& s) { return add(a, b, c, s); }
  [[gnu::always_inline]] static bool apply_short(Float80 a, Float80 b, Float80& r, FpuStatus& s) {
    return add_short(a, b, r, s);
  }
};
struct Multiply {
  static Float80 apply(Float80 a, Float80 b, FpuControl c, FpuStatus& s) { return multiply(a, b, c, s); }
  [[gnu::always_inline]] static bool apply_short(Float80 a, Float80 b, Float80& r, FpuStatus& s) {
    return multiply_short(a, b, r, s);
  }
};
struct Subtract {
  static Float80 apply(Float80 a, Float80 b, FpuControl c, FpuStatus& s) { return subtract(a, b, c, s); }
  [[gnu::always_inline]] static bool apply_short(Float80 a, Float80 b, Float80& r, FpuStatus& s) {
    return add_short(a, b.negated(), r, s);
  }
};
struct SubtractReversed {
  static Float80 apply(Float80 a, Float80 b, FpuControl c, FpuStatus& s) { return subtract(b, a, c, s); }
  [[gnu::always_inline]] static bool apply_short(Float80 a, Float80 b, Float80& r, FpuStatus& s) {
    return add_short(b, a.negated(), r, s);
  }
};
struct Divide {
  static Float80 apply(Float80 a, Float80 b, FpuControl c, FpuStatus& s) { return divide(a, b, c, s); }
  [[gnu::always_inline]] static bool apply_short(Float80 a, Float80 b, Float80& r, FpuStatus& s) {
    return divide_short(a, b, r, s);
  }
};
struct DivideReversed {
  static Float80 apply(Float80 a, Float80 b, FpuControl c, FpuStatus& s) { return divide(b, a, c, s); }
  [[gnu::always_inline]] static bool apply_short(Float80 a, Float80 b, Float80& r, FpuStatus& s) {
    return divide_short(b, a, r, s);
  }
};

// A float or integer in memory as an operand. A NaN keeps its signalling and a denormal its name until the
// operation has decided which exception comes first.
struct MemoryOperand {
  Float80 value;
  bool denormal = false;
};
template <class T>
inline MemoryOperand float_operand(T bits) {
  FpuStatus found;
  MemoryOperand operand;
  if constexpr (sizeof(T) == 4) {
    operand.value = from_float32(bits, found);
  } else {
    operand.value = from_float64(bits, found);
  }
  operand.denormal = found.has(FpuStatus::DE);
  if (found.has(FpuStatus::IE)) [[unlikely]]
    operand.value.significand &= ~bit(62);
  return operand;
}
template <class T>
inline MemoryOperand integer_operand(T bits) {
  return {from_integer(static_cast<std::make_signed_t<T>>(bits)), false};
}

// `calculate(status)` with a memory operand that was denormal: DE, unless something that ranks higher came
// up.
template <class Calculate>
inline auto with_denormal(Float80 other, const MemoryOperand& operand, FpuControl control, FpuStatus& raised,
                          Calculate calculate) {
  if (!operand.denormal) [[likely]]
    return calculate(raised);
  FpuStatus found;
  const auto result = calculate(found);
  const bool outranked = other.is_nan() || found.has(FpuStatus::IE | FpuStatus::ZE);
  if (!outranked && !control.masks(FpuStatus::DE)) {
    // What overflow or rounding the calculation met did not come to pass.
    raised.raise(FpuStatus::DE);
    return result;
  }
  raised.raise(static_cast<u16>(found.value | (outranked ? 0 : FpuStatus::DE)));
  return result;
}

// The general way, any operands and any state.
template <class F, bool popping>
[[gnu::noinline]] bool register_operation_any(Cpu& cpu, const Op& op, unsigned dst, unsigned src) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  FpuStatus raised;
  Float80 result = Float80::indefinite();
  if (is_empty(cpu, dst) || is_empty(cpu, src)) [[unlikely]] {
    if (!underflow(cpu, raised)) return complete(cpu, op, raised);
  } else {
    result = F::apply(st(cpu, dst), st(cpu, src), control(cpu), raised);
    if (suppressed(cpu, raised)) [[unlikely]]
      return complete(cpu, op, raised);
  }
  set_st(cpu, dst, result);
  if constexpr (popping) pop(cpu);
  return complete(cpu, op, raised);
}

template <class F, bool popping>
[[gnu::always_inline]] inline bool register_operation(Cpu& cpu, const Op& op, unsigned dst, unsigned src) {
  const Common common(cpu);
  const unsigned d = common.physical(dst), s = common.physical(src);
  const Float80 a = Common::at(cpu, d), b = Common::at(cpu, s);
  Float80 result;
  FpuStatus raised;
  if (!(common.usable && common.full(d) && common.full(s) && common.rounds_by_default() && a.is_normal() &&
        b.is_normal() && F::apply_short(a, b, result, raised))) [[unlikely]]
    return register_operation_any<F, popping>(cpu, op, dst, src);
  Common::put(cpu, d, result);
  if constexpr (popping) common.pop(cpu);
  common.complete(cpu, op, raised);
  return true;
}

template <class F, bool integer, class Src>
inline bool memory_operation(Cpu& cpu, const Op& op) {
  typename Src::Value bits;
  if (!begin(cpu) || !Src::read(cpu, op, bits)) [[unlikely]]
    return false;
  FpuStatus raised;
  Float80 result = Float80::indefinite();
  if (is_empty(cpu, 0)) [[unlikely]] {
    if (!underflow(cpu, raised)) return complete<Src>(cpu, op, raised);
  } else {
    MemoryOperand operand;
    if constexpr (integer) {
      operand = integer_operand(bits);
    } else {
      operand = float_operand(bits);
    }
    const Float80 a = st(cpu, 0);
    result = with_denormal(a, operand, control(cpu), raised, [&](FpuStatus& status) {
      return F::apply(a, operand.value, control(cpu), status);
    });
    if (suppressed(cpu, raised)) [[unlikely]]
      return complete<Src>(cpu, op, raised);
  }
  set_st(cpu, 0, result);
  return complete<Src>(cpu, op, raised);
}

template <class F, class... Operands>
inline bool operation(Cpu& cpu, const Op& op) {
  if constexpr (sizeof...(Operands) == 1) {
    return memory_operation<F, false, Operands...>(cpu, op);
  } else {
    return register_operation<F, false>(cpu, op, op.r0, op.r1);
  }
}

template <class F>
inline bool popping_operation(Cpu& cpu, const Op& op) {
  return register_operation<F, true>(cpu, op, op.r0, 0);
}

// -- Comparisons. `pops` registers go afterwards.
constexpr u16 comparison_codes = FpuStatus::C0 | FpuStatus::C2 | FpuStatus::C3;

template <bool quiet, unsigned pops, class Operand = Fixed>
inline bool compare_with(Cpu& cpu, const Op& op, bool empty, const MemoryOperand& operand) {
  FpuStatus raised;
  u16 codes = Comparison::unordered;
  if (is_empty(cpu, 0) || empty) [[unlikely]] {
    underflow(cpu, raised);
  } else {
    const Float80 a = st(cpu, 0);
    codes = with_denormal(a, operand, control(cpu), raised, [&](FpuStatus& status) {
      return compare(a, operand.value, quiet, control(cpu), status);
    });
  }
  if constexpr (pops > 0) {
    if (!suppressed(cpu, raised)) [[likely]] {
      pop(cpu);
      if constexpr (pops == 2) pop(cpu);
    }
  }
  raised.raise(codes);
  return complete<Operand>(cpu, op, raised, comparison_codes);
}

template <bool quiet, unsigned pops>
inline bool compare_register(Cpu& cpu, const Op& op, unsigned i) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  return compare_with<quiet, pops>(cpu, op, is_empty(cpu, i), {st(cpu, i), false});
}

template <unsigned pops, class Operand>
inline bool compare_operand(Cpu& cpu, const Op& op) {
  if constexpr (Operand::where == Where::mem) {
    typename Operand::Value bits;
    if (!begin(cpu) || !Operand::read(cpu, op, bits)) [[unlikely]]
      return false;
    return compare_with<false, pops, Operand>(cpu, op, false, float_operand(bits));
  } else {
    return compare_register<false, pops>(cpu, op, op.r0);
  }
}
template <unsigned pops, class Src>
inline bool compare_integer(Cpu& cpu, const Op& op) {
  typename Src::Value bits;
  if (!begin(cpu) || !Src::read(cpu, op, bits)) [[unlikely]]
    return false;
  return compare_with<false, pops, Src>(cpu, op, false, integer_operand(bits));
}

// FCOMI and relatives: the condition codes' meaning goes to ZF, PF and CF instead.
template <bool quiet, bool popping>
inline bool compare_to_eflags(Cpu& cpu, const Op& op) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  FpuStatus raised;
  u16 codes = Comparison::unordered;
  if (is_empty(cpu, 0) || is_empty(cpu, op.r1)) [[unlikely]] {
    underflow(cpu, raised);
  } else {
    codes = compare(st(cpu, 0), st(cpu, op.r1), quiet, control(cpu), raised);
  }
  // OF, SF and AF go to zero in any case; an unmasked invalid operation leaves the others.
  constexpr u64 told = Eflags::CF | Eflags::PF | Eflags::ZF;
  u64 image = cpu.flags.image() & told;
  if (!raised.suppresses_push(control(cpu))) [[likely]]
    image = (codes & FpuStatus::C0 ? Eflags::CF : 0) | (codes & FpuStatus::C2 ? Eflags::PF : 0) |
            (codes & FpuStatus::C3 ? Eflags::ZF : 0);
  cpu.flags.set_image(image);
  if constexpr (popping) {
    if (!suppressed(cpu, raised)) [[likely]]
      pop(cpu);
  }
  return complete(cpu, op, raised);
}

// -- Operations on ST(0) alone, and those of ST(0) with ST(1).
template <class F>
inline bool unary(Cpu& cpu, const Op& op, F function, u16 cleared = 0) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  FpuStatus raised;
  Float80 result = Float80::indefinite();
  if (is_empty(cpu, 0)) [[unlikely]] {
    if (!underflow(cpu, raised)) return complete(cpu, op, raised);
  } else {
    result = function(st(cpu, 0), control(cpu), raised);
    if (suppressed(cpu, raised)) [[unlikely]]
      return complete(cpu, op, raised, cleared);
  }
  set_st(cpu, 0, result);
  return complete(cpu, op, raised, cleared);
}

// function(ST(0), ST(1)): the result replaces ST(1) and ST(0) is popped, or it replaces ST(0).
template <bool popping, class F>
inline bool binary(Cpu& cpu, const Op& op, F function, u16 cleared = 0) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  FpuStatus raised;
  Float80 result = Float80::indefinite();
  if (is_empty(cpu, 0) || is_empty(cpu, 1)) [[unlikely]] {
    if (!underflow(cpu, raised)) return complete(cpu, op, raised, cleared);
  } else {
    result = function(st(cpu, 0), st(cpu, 1), control(cpu), raised);
    if (suppressed(cpu, raised)) [[unlikely]]
      return complete(cpu, op, raised, cleared);
  }
  if constexpr (popping) pop(cpu);
  set_st(cpu, 0, result);
  return complete(cpu, op, raised, cleared);
}

// function(ST(0)) gives two: one replaces ST(0), the other is pushed; with C2 nothing moves.
template <class F>
inline bool pushing(Cpu& cpu, const Op& op, F function, u16 cleared = 0) {
  if (!begin(cpu)) [[unlikely]]
    return false;
  FpuStatus raised;
  Pair result{Float80::indefinite(), Float80::indefinite()};
  if (is_empty(cpu, 0) || !is_empty(cpu, 7)) [[unlikely]] {
    const bool masked = is_empty(cpu, 0) ? underflow(cpu, raised) : overflow(cpu, raised);
    if (!masked) return complete(cpu, op, raised);
  } else {
    result = function(st(cpu, 0), control(cpu), raised);
    if (suppressed(cpu, raised) || raised.has(FpuStatus::C2)) [[unlikely]]
      return complete(cpu, op, raised, cleared);
  }
  set_st(cpu, 0, result.replaced);
  push(cpu, result.pushed);
  return complete(cpu, op, raised, cleared);
}

}  // namespace x87

// -- "x87 FPU Basic Arithmetic Instructions".
template <class... O>
constexpr auto fadd = x87::operation<x87::Add, O...>;
template <class... O>
constexpr auto fmul = x87::operation<x87::Multiply, O...>;
template <class... O>
constexpr auto fsub = x87::operation<x87::Subtract, O...>;
template <class... O>
constexpr auto fsubr = x87::operation<x87::SubtractReversed, O...>;
template <class... O>
constexpr auto fdiv = x87::operation<x87::Divide, O...>;
template <class... O>
constexpr auto fdivr = x87::operation<x87::DivideReversed, O...>;

template <class...>
constexpr auto faddp = x87::popping_operation<x87::Add>;
template <class...>
constexpr auto fmulp = x87::popping_operation<x87::Multiply>;
template <class...>
constexpr auto fsubp = x87::popping_operation<x87::Subtract>;
template <class...>
constexpr auto fsubrp = x87::popping_operation<x87::SubtractReversed>;
template <class...>
constexpr auto fdivp = x87::popping_operation<x87::Divide>;
template <class...>
constexpr auto fdivrp = x87::popping_operation<x87::DivideReversed>;

template <class Src>
constexpr auto fiadd = x87::memory_operation<x87::Add, true, Src>;
template <class Src>
constexpr auto fimul = x87::memory_operation<x87::Multiply, true, Src>;
template <class Src>
constexpr auto fisub = x87::memory_operation<x87::Subtract, true, Src>;
template <class Src>
constexpr auto fisubr = x87::memory_operation<x87::SubtractReversed, true, Src>;
template <class Src>
constexpr auto fidiv = x87::memory_operation<x87::Divide, true, Src>;
template <class Src>
constexpr auto fidivr = x87::memory_operation<x87::DivideReversed, true, Src>;

inline bool fchs(Cpu& cpu, const Op& op) {
  return x87::unary(cpu, op, [](Float80 a, FpuControl, FpuStatus&) { return a.negated(); });
}
inline bool fabs(Cpu& cpu, const Op& op) {
  return x87::unary(cpu, op, [](Float80 a, FpuControl, FpuStatus&) { return a.absolute(); });
}
inline bool fsqrt(Cpu& cpu, const Op& op) { return x87::unary(cpu, op, x87::square_root); }
inline bool frndint(Cpu& cpu, const Op& op) { return x87::unary(cpu, op, x87::round_to_integer); }
inline bool fscale(Cpu& cpu, const Op& op) { return x87::binary<false>(cpu, op, x87::scale); }
template <bool to_nearest>
inline bool remainder(Cpu& cpu, const Op& op) {
  return x87::binary<false>(
      cpu, op,
      [&](Float80 a, Float80 b, FpuControl c, FpuStatus& s) {
        const Float80 result = x87::partial_remainder(a, b, to_nearest, c, s);
        // Where there is no quotient, processors leave its bits C0 and C3 as they were.
        if (!result.is_nan() && !s.suppresses_result(c))
          cpu.x87.status &= static_cast<u16>(~(FpuStatus::C0 | FpuStatus::C3));
        return result;
      },
      FpuStatus::C2);
}
inline bool fprem(Cpu& cpu, const Op& op) { return remainder<false>(cpu, op); }
inline bool fprem1(Cpu& cpu, const Op& op) { return remainder<true>(cpu, op); }
inline bool fxtract(Cpu& cpu, const Op& op) {
  return x87::pushing(cpu, op, [](Float80 a, FpuControl c, FpuStatus& s) {
    const x87::Extracted parts = x87::extract(a, c, s);
    return x87::Pair{parts.exponent, parts.significand};
  });
}

// -- "x87 FPU Comparison Instructions".
template <class Operand>
constexpr auto fcom = x87::compare_operand<0, Operand>;
template <class Operand>
constexpr auto fcomp = x87::compare_operand<1, Operand>;
inline bool fcompp(Cpu& cpu, const Op& op) { return x87::compare_register<false, 2>(cpu, op, 1); }
template <class...>
bool fucom(Cpu& cpu, const Op& op) {
  return x87::compare_register<true, 0>(cpu, op, op.r0);
}
// Its row shows ST(0) before the operand.
template <class...>
bool fucomp(Cpu& cpu, const Op& op) {
  return x87::compare_register<true, 1>(cpu, op, op.r1);
}
inline bool fucompp(Cpu& cpu, const Op& op) { return x87::compare_register<true, 2>(cpu, op, 1); }
template <class Src>
constexpr auto ficom = x87::compare_integer<0, Src>;
template <class Src>
constexpr auto ficomp = x87::compare_integer<1, Src>;
template <class...>
constexpr auto fcomi = x87::compare_to_eflags<false, false>;
template <class...>
constexpr auto fcomip = x87::compare_to_eflags<false, true>;
template <class...>
constexpr auto fucomi = x87::compare_to_eflags<true, false>;
template <class...>
constexpr auto fucomip = x87::compare_to_eflags<true, true>;
inline bool ftst(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) [[unlikely]]
    return false;
  return x87::compare_with<false, 0>(cpu, op, false, {Float80::zero(false), false});
}
inline bool fxam(Cpu& cpu, const Op& op) {
  if (!x87::begin(cpu)) [[unlikely]]
    return false;
  FpuStatus raised;
  const Float80 a = x87::st(cpu, 0);
  if (x87::is_empty(cpu, 0)) {
    raised.raise(static_cast<u16>(FpuStatus::C0 | FpuStatus::C3 | (a.sign() ? FpuStatus::C1 : 0)));
  } else {
    raised.raise(x87::examine(a));
  }
  return x87::complete(cpu, op, raised, x87::comparison_codes);
}

// -- "x87 FPU Transcendental Instructions".
inline bool f2xm1(Cpu& cpu, const Op& op) { return x87::unary(cpu, op, x87::exp2_minus_one); }
inline bool fsin(Cpu& cpu, const Op& op) { return x87::unary(cpu, op, x87::sine, FpuStatus::C2); }
inline bool fcos(Cpu& cpu, const Op& op) { return x87::unary(cpu, op, x87::cosine, FpuStatus::C2); }
inline bool fsincos(Cpu& cpu, const Op& op) { return x87::pushing(cpu, op, x87::sine_cosine, FpuStatus::C2); }
inline bool fptan(Cpu& cpu, const Op& op) { return x87::pushing(cpu, op, x87::tangent, FpuStatus::C2); }
inline bool fpatan(Cpu& cpu, const Op& op) { return x87::binary<true>(cpu, op, x87::arctangent); }
inline bool fyl2x(Cpu& cpu, const Op& op) { return x87::binary<true>(cpu, op, x87::y_log2); }
inline bool fyl2xp1(Cpu& cpu, const Op& op) { return x87::binary<true>(cpu, op, x87::y_log2_plus_one); }

}  // namespace ringside
