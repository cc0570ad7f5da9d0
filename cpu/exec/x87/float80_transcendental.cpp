// Owns the evaluation of the transcendental x87 instructions with MPFR.
#include "cpu/exec/x87/float80_transcendental.h"

#include <mpfr.h>

#include <cfenv>

namespace ringside::x87 {

namespace {

static_assert(GMP_NUMB_BITS == 64, "the significands are read as 64-bit limbs");

// Results carry 64 bits, a rounding bit and one more; what is beyond them is known by its sign alone.
constexpr mpfr_prec_t result_bits = 66;

// MPFR may count in host doubles; whoever runs guest SSE in the host's own arithmetic must not see its
// traces, and MPFR must not see the guest's rounding.
class HostFloatGuard {
 public:
  HostFloatGuard() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~HostFloatGuard() { std::fesetenv(&saved_); }
  HostFloatGuard(const HostFloatGuard&) = delete;
  HostFloatGuard& operator=(const HostFloatGuard&) = delete;

 private:
  std::fenv_t saved_;
};

// MPFR keeps pi and log 2 for each thread; they go when the thread goes.
struct ConstantsOfThread {
  ~ConstantsOfThread() { mpfr_free_cache(); }
};

class Real {
 public:
  explicit Real(mpfr_prec_t bits) { mpfr_init2(value_, bits); }
  // `value` is zero, infinite or finite.
  explicit Real(Float80 value) : Real(64) {
    if (value.is_zero()) {
      mpfr_set_zero(value_, value.sign() ? -1 : 1);
    } else if (value.is_infinity()) {
      mpfr_set_inf(value_, value.sign() ? -1 : 1);
    } else {
      const Unpacked parts = Unpacked::of(value);
      mpfr_set_ui_2exp(value_, parts.significand, parts.exponent - 16383 - 63, MPFR_RNDN);
      if (parts.sign) mpfr_neg(value_, value_, MPFR_RNDN);
    }
  }
  ~Real() { mpfr_clear(value_); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  operator mpfr_ptr() { return value_; }
  operator mpfr_srcptr() const { return value_; }

 private:
  mpfr_t value_;
};

// `truncated` has result_bits, `more` tells that digits were cut off.
Float80 pack(Real& truncated, bool more, FpuControl control, FpuStatus& raised) {
  const bool sign = mpfr_signbit(truncated) != 0;
  if (mpfr_zero_p(truncated)) return Float80::zero(sign);
  const auto* limbs =
      static_cast<const mp_limb_t*>(mpfr_custom_get_significand(static_cast<mpfr_ptr>(truncated)));
  const int exponent = static_cast<int>(mpfr_get_exp(truncated)) - 1 + 16383;
  return finish(sign, exponent, limbs[1], limbs[0] | static_cast<u64>(more), control.full_precision(),
                raised);
}

// `function(result, rounding)` is one of MPFR's, which round correctly and return the direction.
template <class Function>
Float80 exactly(FpuControl control, FpuStatus& raised, Function function) {
  Real result(result_bits);
  const int direction = function(static_cast<mpfr_ptr>(result), MPFR_RNDZ);
  return pack(result, direction != 0, control, raised);
}

// For compositions: `approximate(value)` computes at value's precision with an error below 2^6 units of its
// last place. The true value must be irrational, so that more digits decide in the end.
template <class Function>
Float80 by_more_digits(FpuControl control, FpuStatus& raised, Function approximate) {
  for (mpfr_prec_t bits = 128;; bits += 64) {
    Real value(bits);
    approximate(static_cast<mpfr_ptr>(value), bits);
    if (!mpfr_can_round(value, bits - 7, MPFR_RNDN, MPFR_RNDZ, result_bits)) continue;
    Real result(result_bits);
    mpfr_set(result, value, MPFR_RNDZ);
    return pack(result, true, control, raised);
  }
}

// The guard of host state around an evaluation.
template <class Function>
auto with_mpfr(Function function) {
  static thread_local const ConstantsOfThread constants;
  (void)constants;
  const HostFloatGuard guard;
  return function();
}

// The exponent if |value| is a power of two.
bool power_of_two(const Real& value, long& exponent) {
  exponent = mpfr_get_exp(value) - 1;
  return mpfr_cmp_ui_2exp(value, 1, exponent) == 0;
}

bool magnitude_at_least(Float80 value, int exponent) { return value.exponent() >= 16383 + exponent; }

// What the circular functions share before they compute. True: `result` is the answer.
bool circular_special(Float80 x, Float80& result, FpuControl control, FpuStatus& raised) {
  if (special_operand(x, result, raised)) return true;
  if (x.is_infinity()) {
    result = invalid(raised);
    return true;
  }
  result = x;
  if (denormal_stops(x, control, raised)) return true;
  if (!magnitude_at_least(x, 63)) return false;
  raised.raise(FpuStatus::C2);
  return true;
}

// An angle less the nearest multiple of pi/2. Volume 1, "Approximation of Pi": processors have a pi of 66
// bits for that, so that sines of large angles are those of angles nearby, and the sine of FLDPI's value is
// off in its twelfth bit. Angles below pi/4 stay as they are.
class Reduced {
 public:
  explicit Reduced(Float80 x) : rest_(x) {
    // Below 2^63 there are as many quarters; their products with 66 bits are exact.
    constexpr mpfr_prec_t quarter_bits = 66, exact_bits = 200;
    if (!magnitude_at_least(x, -1)) return;
    Real quarter(quarter_bits), quarters(exact_bits), product(exact_bits);
    mpfr_set_str(quarter, "1.921fb54442d184698", 16, MPFR_RNDZ);
    mpfr_div(quarters, rest_, quarter, MPFR_RNDN);
    mpfr_rint(quarters, quarters, MPFR_RNDN);
    mpfr_mul(product, quarters, quarter, MPFR_RNDN);
    Real whole(x);
    mpfr_set_prec(rest_, exact_bits);
    mpfr_sub(rest_, whole, product, MPFR_RNDN);
    quadrant_ = static_cast<unsigned>(mpfr_get_sj(quarters, MPFR_RNDN)) & 3;
  }
  // Of 0 to 3, counted against the clock.
  unsigned quadrant() const { return quadrant_; }
  mpfr_srcptr rest() const { return rest_; }

 private:
  Real rest_;
  unsigned quadrant_ = 0;
};

// The sine of an angle `quarters` quarters further.
Float80 sine_of(Float80 x, unsigned quarters, FpuControl control, FpuStatus& raised) {
  const Reduced angle(x);
  const unsigned quadrant = (angle.quadrant() + quarters) & 3;
  return exactly(control, raised, [&](mpfr_ptr r, mpfr_rnd_t rounding) {
    const int direction =
        quadrant & 1 ? mpfr_cos(r, angle.rest(), rounding) : mpfr_sin(r, angle.rest(), rounding);
    if (quadrant & 2) mpfr_neg(r, r, rounding);
    return direction;
  });
}
Float80 sine_of(Float80 x, FpuControl control, FpuStatus& raised) {
  return x.is_zero() ? x : sine_of(x, 0, control, raised);
}
Float80 cosine_of(Float80 x, FpuControl control, FpuStatus& raised) {
  return x.is_zero() ? Float80::one() : sine_of(x, 1, control, raised);
}

// y * n for a whole number.
Float80 times(Float80 y, long n, FpuControl control, FpuStatus& raised) {
  const Real operand(y);
  return exactly(control, raised,
                 [&](mpfr_ptr r, mpfr_rnd_t rounding) { return mpfr_mul_si(r, operand, n, rounding); });
}

}  // namespace

Float80 exp2_minus_one(Float80 x, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operand(x, result, raised)) return result;
  if (x.is_infinity()) return x.sign() ? Float80::one(true) : x;
  if (denormal_stops(x, control, raised)) return x;
  if (x.is_zero()) return x;
  if (magnitude_at_least(x, 0)) {
    if (x == Float80::one()) return x;
    if (x == Float80::one(true)) return Float80::make(true, 16382, bit(63));
    raised.raise(FpuStatus::PE);
    return x;
  }
  return with_mpfr([&] {
    const Real operand(x);
    return by_more_digits(control, raised, [&](mpfr_ptr value, mpfr_prec_t bits) {
      Real log2(bits);
      mpfr_const_log2(log2, MPFR_RNDN);
      mpfr_mul(value, operand, log2, MPFR_RNDN);
      mpfr_expm1(value, value, MPFR_RNDN);
    });
  });
}

Float80 y_log2(Float80 x, Float80 y, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operands(x, y, result, raised)) return result;
  if (x.is_zero()) {
    if (y.is_zero()) return invalid(raised);
    if (!y.is_infinity()) raised.raise(FpuStatus::ZE);
    return Float80::infinity(!y.sign());
  }
  if (x.sign() || (x.is_infinity() && y.is_zero()) || (x == Float80::one() && y.is_infinity()))
    return invalid(raised);
  if (denormals_stop(x, y, control, raised)) return y;
  const bool sign = y.sign() != (x.exponent() < 16383);
  if (x.is_infinity() || y.is_infinity()) return Float80::infinity(sign);
  if (y.is_zero() || x == Float80::one()) return Float80::zero(sign);
  return with_mpfr([&] {
    const Real operand(x), factor(y);
    long exponent = 0;
    if (power_of_two(operand, exponent)) return times(y, exponent, control, raised);
    return by_more_digits(control, raised, [&](mpfr_ptr value, mpfr_prec_t) {
      mpfr_log2(value, operand, MPFR_RNDN);
      mpfr_mul(value, value, factor, MPFR_RNDN);
    });
  });
}

Float80 y_log2_plus_one(Float80 x, Float80 y, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operands(x, y, result, raised)) return result;
  if (x.is_infinity() && (x.sign() || y.is_zero())) return invalid(raised);
  if (x.is_zero() && y.is_infinity()) return invalid(raised);
  if (denormals_stop(x, y, control, raised)) return y;
  const bool sign = x.sign() != y.sign();
  if (x.is_infinity() || y.is_infinity()) return Float80::infinity(sign);
  if (x.is_zero() || y.is_zero()) return Float80::zero(sign);
  if (x.sign() && magnitude_at_least(x, 0)) {
    raised.raise(FpuStatus::PE);
    return x;
  }
  return with_mpfr([&] {
    const Real operand(x), factor(y);
    Real sum(128);
    long exponent = 0;
    if (mpfr_add_ui(sum, operand, 1, MPFR_RNDN) == 0 && power_of_two(sum, exponent))
      return times(y, exponent, control, raised);
    return by_more_digits(control, raised, [&](mpfr_ptr value, mpfr_prec_t bits) {
      Real log2(bits);
      mpfr_const_log2(log2, MPFR_RNDN);
      mpfr_log1p(value, operand, MPFR_RNDN);
      mpfr_mul(value, value, factor, MPFR_RNDN);
      mpfr_div(value, value, log2, MPFR_RNDN);
    });
  });
}

Float80 arctangent(Float80 x, Float80 y, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (special_operands(x, y, result, raised)) return result;
  if (denormals_stop(x, y, control, raised)) return y;
  return with_mpfr([&] {
    const Real abscissa(x), ordinate(y);
    return exactly(control, raised, [&](mpfr_ptr r, mpfr_rnd_t rounding) {
      return mpfr_atan2(r, ordinate, abscissa, rounding);
    });
  });
}

Float80 sine(Float80 x, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (circular_special(x, result, control, raised)) return result;
  return with_mpfr([&] { return sine_of(x, control, raised); });
}

Float80 cosine(Float80 x, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (circular_special(x, result, control, raised)) return result;
  return with_mpfr([&] { return cosine_of(x, control, raised); });
}

Pair sine_cosine(Float80 x, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (circular_special(x, result, control, raised)) return {result, result};
  return with_mpfr([&] {
    // C1 tells of the pushed result.
    FpuStatus of_sine;
    const Float80 replaced = sine_of(x, control, of_sine);
    raised.raise(of_sine.value & FpuStatus::exceptions);
    return Pair{replaced, cosine_of(x, control, raised)};
  });
}

Pair tangent(Float80 x, FpuControl control, FpuStatus& raised) {
  Float80 result;
  if (circular_special(x, result, control, raised)) return {result, result};
  if (x.is_zero()) return {x, Float80::one()};
  return with_mpfr([&] {
    const Reduced angle(x);
    const Float80 replaced = exactly(control, raised, [&](mpfr_ptr r, mpfr_rnd_t rounding) {
      if (!(angle.quadrant() & 1)) return mpfr_tan(r, angle.rest(), rounding);
      const int direction = mpfr_cot(r, angle.rest(), rounding);
      mpfr_neg(r, r, rounding);
      return direction;
    });
    return Pair{replaced, Float80::one()};
  });
}

}  // namespace ringside::x87
