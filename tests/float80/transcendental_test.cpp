// Owns the comparison of the transcendental x87 instructions with the host's: special values and exceptions
// exactly, numbers to one unit in the last place; and known digits, rounded each way.
#include "cpu/exec/x87/float80_transcendental.h"

#include <doctest/doctest.h>

#include <array>
#include <cfenv>

#include "tests/float80/cases.h"
#include "tests/float80/host_fpu.h"
#include "tests/float80/operands.h"

namespace ringside {

using x87::Pair;

TEST_CASE("known values are correctly rounded in each direction") {
  // pi / 4 = 0.c90fdaa22168c234 c4c6..., sin 1 = 0.d76aa47848677020 c6e9..., log2 3 = 1.95c01a39fbd687a0 ...
  const std::array<u16, 4> controls{0x37f, 0x77f, 0xb7f, 0xf7f};
  const std::array<u64, 4> quarter{0xc90fdaa22168c235, 0xc90fdaa22168c234, 0xc90fdaa22168c235,
                                   0xc90fdaa22168c234};
  const std::array<u64, 4> sine{0xd76aa47848677021, 0xd76aa47848677020, 0xd76aa47848677021,
                                0xd76aa47848677020};
  for (std::size_t i = 0; i < controls.size(); ++i) {
    FpuStatus raised;
    const FpuControl control{controls[i]};
    const Float80 one = Float80::one();
    CHECK(x87::arctangent(one, one, control, raised) == Float80::make(false, 16382, quarter[i]));
    CHECK(raised.has(FpuStatus::PE));
    CHECK(x87::sine(one, control, raised) == Float80::make(false, 16382, sine[i]));
    // The negative results mirror: down and up exchange.
    const std::size_t mirrored = i == 1 ? 2 : i == 2 ? 1 : i;
    CHECK(x87::sine(one.negated(), control, raised) == Float80::make(true, 16382, sine[mirrored]));
  }
}

// Volume 1, "Approximation of Pi": FLDPI's value is a quarter of a unit in its last place above the pi of 66
// bits by which angles are reduced. Its true distance to pi is another one in the twelfth bit.
TEST_CASE("angles are reduced by a pi of 66 bits") {
  FpuStatus raised;
  const Float80 pi = Float80::make(false, 16384, 0xc90fdaa22168c235);
  CHECK(x87::sine(pi, {}, raised) == Float80::make(true, 16383 - 64, bit(63)));
  CHECK(x87::tangent(pi, {}, raised).replaced == Float80::make(false, 16383 - 64, bit(63)));
  CHECK(x87::cosine(pi, {}, raised) == Float80::one(true));
  const Float80 half = Float80::make(false, 16383, 0xc90fdaa22168c235);
  CHECK(x87::cosine(half, {}, raised) == Float80::make(true, 16383 - 65, bit(63)));
  CHECK(x87::sine(half, {}, raised) == Float80::one());
}

TEST_CASE("exact results raise nothing") {
  FpuStatus raised;
  const Float80 eight = Float80::make(false, 16383 + 3, bit(63));
  const Float80 three = Float80::make(false, 16383 + 1, u64{3} << 62);
  const Float80 nine = Float80::make(false, 16383 + 3, u64{9} << 60);
  const Float80 seven = Float80::make(false, 16383 + 2, u64{7} << 61);
  CHECK(x87::y_log2(eight, three, {}, raised) == nine);
  CHECK(x87::y_log2_plus_one(seven, three, {}, raised) == nine);
  CHECK(x87::exp2_minus_one(Float80::one(), {}, raised) == Float80::one());
  CHECK(x87::exp2_minus_one(Float80::one(true), {}, raised) == Float80::make(true, 16382, bit(63)));
  CHECK(raised.value == 0);
}

TEST_CASE("the host's floating-point environment is the same afterwards") {
  const int before = std::fegetround();
  std::fesetround(FE_UPWARD);
  std::feclearexcept(FE_ALL_EXCEPT);
  FpuStatus raised;
  x87::sine(Float80::make(false, 16383 + 40, ~u64{0}), {}, raised);
  x87::y_log2_plus_one(Float80::make(false, 16370, ~u64{0}), Float80::one(), {}, raised);
  CHECK(std::fegetround() == FE_UPWARD);
  CHECK(std::fetestexcept(FE_ALL_EXCEPT) == 0);
  std::fesetround(before);
}

#if defined(__x86_64__)
namespace {

struct Function {
  const char* name;
  Pair (*compute)(Float80, Float80, FpuControl, FpuStatus&);  // replaced only: pushed is a copy
  host::Outcome (*host)(Float80, Float80, u16);
  bool pushes;
  bool binary;
  int highest;  // exponent below which numbers are compared
};

template <Float80 (*function)(Float80, FpuControl, FpuStatus&)>
Pair unary(Float80 x, Float80, FpuControl c, FpuStatus& s) {
  const Float80 v = function(x, c, s);
  return {v, v};
}
template <Float80 (*function)(Float80, Float80, FpuControl, FpuStatus&)>
Pair binary(Float80 x, Float80 y, FpuControl c, FpuStatus& s) {
  const Float80 v = function(x, y, c, s);
  return {v, v};
}
template <Pair (*function)(Float80, FpuControl, FpuStatus&)>
Pair pushing(Float80 x, Float80, FpuControl c, FpuStatus& s) {
  return function(x, c, s);
}

constexpr Function functions[] = {
    {"F2XM1", unary<x87::exp2_minus_one>, host::f2xm1, false, false, 0},
    {"FSIN", unary<x87::sine>, host::fsin, false, false, 63},
    {"FCOS", unary<x87::cosine>, host::fcos, false, false, 63},
    {"FSINCOS", pushing<x87::sine_cosine>, host::fsincos, true, false, 63},
    {"FPTAN", pushing<x87::tangent>, host::fptan, true, false, 63},
    {"FPATAN", binary<x87::arctangent>, host::fpatan, false, true, 0x4000},
    {"FYL2X", binary<x87::y_log2>, host::fyl2x, false, true, 0x4000},
    {"FYL2XP1", binary<x87::y_log2_plus_one>, host::fyl2xp1, false, true, -2},
};

// Units in the last place between two values of like sign, by their order as integers.
u64 distance(Float80 a, Float80 b) {
  if (a == b) return 0;
  if (a.sign() != b.sign() || a.is_nan() || b.is_nan()) return ~u64{0};
  const auto rank = [&](Float80 v) {
    return (static_cast<u128>(v.exponent() > 0 ? v.exponent() - 1 : 0) << 63) + v.significand;
  };
  const u128 ra = rank(a), rb = rank(b);
  const u128 gap = ra > rb ? ra - rb : rb - ra;
  return gap > ~u64{0} ? ~u64{0} : static_cast<u64>(gap);
}

}  // namespace

TEST_CASE("transcendental results lie within one unit of the host's") {
  for (const Function& function : functions) {
    Operands operands(101 + static_cast<u64>(&function - functions));
    Mismatches mismatches(function.name);
    for (int i = 0; i < cases(2'500); ++i) {
      Float80 x = operands.value(), y = operands.value();
      if (x.exponent() >= 16383 + function.highest && x.is_normal() && operands.below(8) != 0)
        x = Float80::make(x.sign(), 16383 + function.highest - 1 - static_cast<int>(operands.below(60)),
                          x.significand);
      const bool compared =
          !x.is_normal() || x.exponent() < 16383 + function.highest || x.exponent() >= 16383 + 63;
      if (!compared) continue;
      const FpuControl control{static_cast<u16>(0x37f | (operands.next() >> 30 & 0xc00))};
      FpuStatus raised;
      const Pair mine = function.compute(x, y, control, raised);
      const host::Outcome expected = function.host(x, y, control.value);
      const bool pushes = function.pushes && !raised.has(FpuStatus::C2);
      const Float80 replaced = pushes ? expected.second : expected.value;
      // Hosts call exact results inexact; and at the edge of the range a unit decides about OE and UE.
      u16 checked = FpuStatus::IE | FpuStatus::DE | FpuStatus::ZE;
      if (!function.binary) checked |= FpuStatus::C2;
      const bool good = distance(mine.replaced, replaced) <= 1 &&
                        (!pushes || distance(mine.pushed, expected.value) <= 1) &&
                        ((raised.value ^ expected.status) & checked) == 0;
      mismatches.check(good, [&] {
        return fmt::format("{} {} cw {:03x}: {} {} {:04x}, host {} {} {:04x}", show(x), show(y),
                           control.value, show(mine.replaced), show(mine.pushed), raised.value,
                           show(replaced), show(expected.value), expected.status);
      });
    }
    CHECK(mismatches.count() == 0);
  }
}
#endif

}  // namespace ringside
