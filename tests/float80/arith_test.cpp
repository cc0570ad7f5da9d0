// Owns the comparison of 80-bit arithmetic with the host's own x87, bit for bit, result and status.
#include <doctest/doctest.h>

#include "cpu/exec/x87/float80_arith.h"
#include "cpu/exec/x87/float80_remainder.h"
#include "tests/float80/cases.h"
#include "tests/float80/host_fpu.h"
#include "tests/float80/operands.h"

namespace ringside {
namespace {

using host::Outcome;

using Compute = Float80 (*)(Float80, Float80, FpuControl, FpuStatus&);
using Host = Outcome (*)(Float80, Float80, u16);

struct Operation {
  const char* name;
  Compute compute;
  Host host;
  u16 checked;  // bits of the status word that count
};

constexpr u16 arithmetic = FpuStatus::exceptions | FpuStatus::C1;

}  // namespace

#if defined(__x86_64__)
namespace {

Float80 reversed_subtract(Float80 a, Float80 b, FpuControl c, FpuStatus& s) {
  return x87::subtract(b, a, c, s);
}
Float80 reversed_divide(Float80 a, Float80 b, FpuControl c, FpuStatus& s) { return x87::divide(b, a, c, s); }
Float80 root(Float80 a, Float80, FpuControl c, FpuStatus& s) { return x87::square_root(a, c, s); }
Float80 prem(Float80 a, Float80 b, FpuControl c, FpuStatus& s) {
  return x87::partial_remainder(a, b, false, c, s);
}
Float80 prem1(Float80 a, Float80 b, FpuControl c, FpuStatus& s) {
  return x87::partial_remainder(a, b, true, c, s);
}
Float80 compare(Float80 a, Float80 b, FpuControl c, FpuStatus& s) {
  s.raise(x87::compare(a, b, false, c, s));
  return a;
}
Float80 compare_quietly(Float80 a, Float80 b, FpuControl c, FpuStatus& s) {
  s.raise(x87::compare(a, b, true, c, s));
  return a;
}
Float80 examine(Float80 a, Float80, FpuControl, FpuStatus& s) {
  s.raise(x87::examine(a));
  return a;
}

constexpr u16 codes = FpuStatus::C0 | FpuStatus::C2 | FpuStatus::C3;
constexpr Operation operations[] = {
    {"FADD", x87::add, host::fadd, arithmetic},
    {"FSUB", x87::subtract, host::fsub, arithmetic},
    {"FSUBR", reversed_subtract, host::fsubr, arithmetic},
    {"FMUL", x87::multiply, host::fmul, arithmetic},
    {"FDIV", x87::divide, host::fdiv, arithmetic},
    {"FDIVR", reversed_divide, host::fdivr, arithmetic},
    {"FSQRT", root, host::fsqrt, arithmetic},
    {"FPREM", prem, host::fprem, arithmetic | codes},
    {"FPREM1", prem1, host::fprem1, arithmetic | codes},
    {"FSCALE", x87::scale, host::fscale, arithmetic},
    {"FCOM", compare, host::fcom, FpuStatus::exceptions | codes},
    {"FUCOM", compare_quietly, host::fucom, FpuStatus::exceptions | codes},
    {"FXAM", examine, host::fxam, arithmetic | codes},
};

}  // namespace

TEST_CASE("arithmetic agrees with the host's x87 in every bit") {
  for (const Operation& operation : operations) {
    Operands operands(1 + static_cast<u64>(&operation - operations));
    Mismatches mismatches(operation.name);
    for (int i = 0; i < cases(60'000); ++i) {
      const Float80 a = operands.value(), b = operands.value_near(a);
      const FpuControl control{operands.control()};
      FpuStatus raised;
      Float80 value = operation.compute(a, b, control, raised);
      if (raised.suppresses_result(control)) value = a;
      const Outcome expected = operation.host(a, b, control.value);
      mismatches.check(value == expected.value && ((raised.value ^ expected.status) & operation.checked) == 0,
                       [&] {
                         return fmt::format("{} {} cw {:03x}: {} {:04x}, host {} {:04x}", show(a), show(b),
                                            control.value, show(value), raised.value & operation.checked,
                                            show(expected.value), expected.status & operation.checked);
                       });
    }
    CHECK(mismatches.count() == 0);
  }
}

namespace {

using Short = bool (*)(Float80, Float80, Float80&, FpuStatus&);
bool subtract_short(Float80 a, Float80 b, Float80& r, FpuStatus& s) {
  return x87::add_short(a, b.negated(), r, s);
}
constexpr struct {
  const char* name;
  Short compute;
  Host host;
} short_ways[] = {{"FADD", x87::add_short, host::fadd},
                  {"FSUB", subtract_short, host::fsub},
                  {"FMUL", x87::multiply_short, host::fmul},
                  {"FDIV", x87::divide_short, host::fdiv}};

}  // namespace

TEST_CASE("the short ways of normal operands agree with the host's x87, where they know") {
  for (const auto& way : short_ways) {
    Operands operands(100 + static_cast<u64>(&way - short_ways));
    Mismatches mismatches(way.name);
    int known = 0;
    for (int i = 0; i < cases(60'000); ++i) {
      const Float80 a = operands.value(), b = operands.value_near(a);
      FpuStatus raised;
      Float80 value;
      if (!a.is_normal() || !b.is_normal() || !way.compute(a, b, value, raised)) continue;
      ++known;
      const Outcome expected = way.host(a, b, 0x37f);
      mismatches.check(value == expected.value && ((raised.value ^ expected.status) & arithmetic) == 0, [&] {
        return fmt::format("{} {}: {} {:04x}, host {} {:04x}", show(a), show(b), show(value), raised.value,
                           show(expected.value), expected.status & arithmetic);
      });
    }
    CHECK(mismatches.count() == 0);
    CHECK(known > cases(60'000) / 8);
  }
}
#endif

}  // namespace ringside
