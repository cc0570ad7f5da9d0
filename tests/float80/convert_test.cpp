// Owns the comparison of 80-bit loads, stores, roundings and constants with the host's own x87, bit for bit.
#include "cpu/exec/x87/float80_convert.h"

#include <doctest/doctest.h>

#include "cpu/exec/x87/float80_remainder.h"
#include "tests/float80/cases.h"
#include "tests/float80/host_fpu.h"
#include "tests/float80/operands.h"

namespace ringside {

#if defined(__x86_64__)
namespace {

constexpr u16 checked = FpuStatus::exceptions | FpuStatus::C1;

// Float bits of every class: exponents at both ends more often than not.
template <class Bits>
Bits float_bits(Operands& operands, unsigned fraction_bits) {
  Bits bits = static_cast<Bits>(operands.pattern() >> (63 - fraction_bits));
  const Bits exponents = static_cast<Bits>((Bits{1} << (sizeof(Bits) * 8 - 1 - fraction_bits)) - 1);
  Bits exponent = static_cast<Bits>(operands.next() >> 8) & exponents;
  const u64 kind = operands.below(6);
  if (kind < 2) exponent = static_cast<Bits>(operands.below(2));
  if (kind == 2) exponent = exponents - static_cast<Bits>(operands.below(2));
  bits = static_cast<Bits>((bits & ((Bits{1} << fraction_bits) - 1)) | exponent << fraction_bits);
  return static_cast<Bits>(bits | static_cast<Bits>(operands.below(2)) << (sizeof(Bits) * 8 - 1));
}

template <class Bits, class Compute, class Host>
void compare_loads(const char* name, unsigned fraction_bits, Compute compute, Host host) {
  Operands operands(fraction_bits);
  Mismatches mismatches(name);
  for (int i = 0; i < cases(30'000); ++i) {
    const Bits bits = float_bits<Bits>(operands, fraction_bits);
    const FpuControl control{operands.control()};
    FpuStatus raised;
    Float80 value = compute(bits, raised);
    const auto expected = host(bits, control.value);
    // Nothing pushed: the host's FSTP then faults on the empty stack, also unmasked, and leaves zeros in
    // memory.
    if (raised.suppresses_push(control)) value = {};
    mismatches.check(value == expected.value && ((raised.value ^ expected.status) & checked) == 0, [&] {
      return fmt::format("{:x} cw {:03x}: {} {:04x}, host {} {:04x}", bits, control.value, show(value),
                         raised.value, show(expected.value), expected.status & checked);
    });
  }
  CHECK(mismatches.count() == 0);
}

template <class T, class Compute, class Host>
void compare_stores(const char* name, Compute compute, Host host) {
  Operands operands(sizeof(T) + 77);
  Mismatches mismatches(name);
  const T before = static_cast<T>(0x5aa5'1234'5678'9abc);
  for (int i = 0; i < cases(60'000); ++i) {
    const Float80 a = operands.value();
    const FpuControl control{operands.control()};
    FpuStatus raised;
    T value = static_cast<T>(compute(a, control, raised));
    if (raised.suppresses_store(control)) value = before;
    const auto expected = host(a, control.value, before);
    mismatches.check(value == expected.bits && ((raised.value ^ expected.status) & checked) == 0, [&] {
      return fmt::format("{} cw {:03x}: {:x} {:04x}, host {:x} {:04x}", show(a), control.value, value,
                         raised.value, expected.bits, expected.status & checked);
    });
  }
  CHECK(mismatches.count() == 0);
}

}  // namespace

TEST_CASE("loads of floats agree with the host") {
  compare_loads<u32>("FLD m32fp", 23, x87::from_float32, host::fld32);
  compare_loads<u64>("FLD m64fp", 52, x87::from_float64, host::fld64);
}

TEST_CASE("stores of floats agree with the host, also in leaving memory alone") {
  compare_stores<u32>("FST m32fp", x87::to_float32, host::fst32);
  compare_stores<u64>("FST m64fp", x87::to_float64, host::fst64);
}

TEST_CASE("stores of integers agree with the host") {
  const auto rounding = [](unsigned bits) {
    return
        [bits](Float80 a, FpuControl c, FpuStatus& s) { return x87::to_integer(a, bits, c.rounding(), s); };
  };
  const auto truncating = [](unsigned bits) {
    return
        [bits](Float80 a, FpuControl, FpuStatus& s) { return x87::to_integer(a, bits, Rounding::Zero, s); };
  };
  compare_stores<u16>("FIST m16int", rounding(16), host::fist16);
  compare_stores<u32>("FIST m32int", rounding(32), host::fist32);
  compare_stores<u64>("FISTP m64int", rounding(64), host::fist64);
  compare_stores<u16>("FISTTP m16int", truncating(16), host::fisttp16);
  compare_stores<u32>("FISTTP m32int", truncating(32), host::fisttp32);
  compare_stores<u64>("FISTTP m64int", truncating(64), host::fisttp64);
}

TEST_CASE("integers load exactly") {
  Operands operands(5);
  Mismatches mismatches("FILD");
  for (int i = 0; i < cases(20'000); ++i) {
    const u64 bits = operands.pattern();
    const Float80 from64 = x87::from_integer(static_cast<s64>(bits));
    const Float80 from32 = x87::from_integer(static_cast<s32>(bits));
    const Float80 from16 = x87::from_integer(static_cast<s16>(bits));
    const bool good = from64 == host::fild64(bits, 0x37f).value &&
                      from32 == host::fild32(static_cast<u32>(bits), 0x37f).value &&
                      from16 == host::fild16(static_cast<u16>(bits), 0x37f).value;
    mismatches.check(good, [&] { return fmt::format("{:x}", bits); });
  }
  CHECK(mismatches.count() == 0);
}

TEST_CASE("packed BCD agrees with the host") {
  Operands operands(9);
  Mismatches stores("FBSTP"), loads("FBLD");
  const host::Memory80 before{0x1234'5678'9abc'def0, 0x5aa5};
  for (int i = 0; i < cases(60'000); ++i) {
    const Float80 a = operands.value();
    const FpuControl control{operands.control()};
    FpuStatus raised;
    x87::PackedBcd value = x87::to_bcd(a, control, raised);
    if (raised.suppresses_store(control)) value = {before.significand, before.sign_exponent};
    const auto expected = host::fbstp(a, control.value, before);
    const x87::PackedBcd bits{expected.bits.significand, expected.bits.sign_exponent};
    stores.check(value == bits && ((raised.value ^ expected.status) & checked) == 0, [&] {
      return fmt::format("{} cw {:03x}: {:04x}{:016x} {:04x}, host {:04x}{:016x} {:04x}", show(a),
                         control.value, value.high, value.low, raised.value, bits.high, bits.low,
                         expected.status & checked);
    });
    // Every pattern, digits above nine too: the manual leaves those undefined, the host has an answer.
    const x87::PackedBcd pattern{operands.pattern(), static_cast<u16>(operands.next())};
    const Float80 loaded = x87::from_bcd(pattern);
    const Float80 host_loaded = host::fbld({pattern.low, pattern.high});
    loads.check(loaded == host_loaded, [&] {
      return fmt::format("{:04x}{:016x}: {}, host {}", pattern.high, pattern.low, show(loaded),
                         show(host_loaded));
    });
  }
  CHECK(stores.count() == 0);
  CHECK(loads.count() == 0);
}

TEST_CASE("FRNDINT and FXTRACT agree with the host") {
  Operands operands(11);
  Mismatches rounds("FRNDINT"), extracts("FXTRACT");
  for (int i = 0; i < cases(60'000); ++i) {
    const Float80 a = operands.value();
    const FpuControl control{operands.control()};
    FpuStatus raised;
    Float80 value = x87::round_to_integer(a, control, raised);
    if (raised.suppresses_result(control)) value = a;
    const host::Outcome expected = host::frndint(a, a, control.value);
    rounds.check(value == expected.value && ((raised.value ^ expected.status) & checked) == 0, [&] {
      return fmt::format("{} cw {:03x}: {} {:04x}, host {} {:04x}", show(a), control.value, show(value),
                         raised.value, show(expected.value), expected.status & checked);
    });
    raised = {};
    x87::Extracted parts = x87::extract(a, control, raised);
    const Float80 below = Float80::one();
    if (raised.suppresses_result(control)) parts = {below, a};
    const host::Outcome two = host::fxtract(a, below, control.value);
    extracts.check(parts.significand == two.value && parts.exponent == two.second &&
                       ((raised.value ^ two.status) & checked) == 0,
                   [&] {
                     return fmt::format("{} cw {:03x}: {} {} {:04x}, host {} {} {:04x}", show(a),
                                        control.value, show(parts.significand), show(parts.exponent),
                                        raised.value, show(two.value), show(two.second),
                                        two.status & checked);
                   });
  }
  CHECK(rounds.count() == 0);
  CHECK(extracts.count() == 0);
}

TEST_CASE("the constants' last bits follow the rounding control as on the host") {
  using x87::FpuConstant;
  for (u16 rounding = 0; rounding < 4; ++rounding) {
    const u16 control = static_cast<u16>(0x37f | rounding << 10);
    const auto mine = [&](FpuConstant which) {
      return x87::constant(which, static_cast<Rounding>(rounding));
    };
    CHECK(mine(FpuConstant::One) == host::fld1(control));
    CHECK(mine(FpuConstant::L2T) == host::fldl2t(control));
    CHECK(mine(FpuConstant::L2E) == host::fldl2e(control));
    CHECK(mine(FpuConstant::Pi) == host::fldpi(control));
    CHECK(mine(FpuConstant::LG2) == host::fldlg2(control));
    CHECK(mine(FpuConstant::LN2) == host::fldln2(control));
    CHECK(mine(FpuConstant::Zero) == host::fldz(control));
  }
}
#endif

}  // namespace ringside
