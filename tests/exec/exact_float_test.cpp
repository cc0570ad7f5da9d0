// Owns the tests of floating-point results that are exact: what the host computes, and that PE stays clear,
// against arithmetic in integers.
#include <doctest/doctest.h>

#include "cpu/exec/sse/float_arithmetic.h"
#include "tests/exec/program_generator.h"
#include "tests/soak.h"

using namespace ringside;

namespace {

// Whole numbers of few bits, now and then of many, with exponents from end to end of the range.
template <class F>
BitsOf<F> number(Random& random) {
  constexpr unsigned fraction = sizeof(F) == 4 ? 23 : 52, bias = sizeof(F) == 4 ? 127 : 1023;
  const unsigned bits = random.one_in(3) ? fraction : static_cast<unsigned>(random.below(fraction));
  u64 exponent = bias - 4 + random.below(12);
  if (random.one_in(5)) exponent = random.below(2 * bias + 2);
  const u64 significand = (random.next() & ((u64{1} << fraction) - 1)) >> (fraction - bits)
                                                                              << (fraction - bits);
  const u64 value = random.one_in(12) ? 0 : exponent << fraction | significand;
  return static_cast<BitsOf<F>>(value | u64{random.one_in(2)} << (sizeof(F) * 8 - 1));
}

template <class Operation, class F>
void compare(u64 seed) {
  Random random{seed};
  PhysicalMemory memory;
  Mmu mmu(memory, 46);
  Cpu fast(mmu), exact(mmu);
  unsigned kept_clear = 0;
  const unsigned cases = static_cast<unsigned>(40'000 * soak_factor());
  for (unsigned n = 0; n < cases; ++n) {
    LaneBits<F> a, b;
    for (auto& lane : a) lane = number<F>(random);
    for (auto& lane : b) lane = number<F>(random);
    // The rounding at random, PE clear, sometimes with DAZ and FTZ.
    const u32 mxcsr = 0x1f80 | (random.one_in(4) ? static_cast<u32>(random.below(4)) << 13 : 0) |
                      (random.one_in(8) ? 0x8040 : 0);
    fast.vector.mxcsr = exact.vector.mxcsr = mxcsr;
    V128 got{}, wanted{};
    CAPTURE(seed);
    CAPTURE(n);
    const V128 x = bits_as<V128>(a), y = bits_as<V128>(b);
    const bool done = host_lanes<Operation, F>(fast, x, y, got) || exact_lanes<Operation, F>(fast, x, y, got);
    REQUIRE(done);
    const bool done_exactly = exact_lanes<Operation, F>(exact, x, y, wanted);
    REQUIRE(done_exactly);
    REQUIRE(got == wanted);
    REQUIRE(fast.vector.mxcsr == exact.vector.mxcsr);
    kept_clear += !(fast.vector.mxcsr & Mxcsr::PE);
  }
  CHECK(kept_clear > cases / 1000);
}

template <class F>
void compare_all(u64 seed) {
  compare<AddFloat, F>(seed);
  compare<SubFloat, F>(seed + 1);
  compare<AddSubFloat, F>(seed + 2);
  compare<MulFloat, F>(seed + 3);
  compare<DivFloat, F>(seed + 4);
}

template <class F>
bool exactly(F a, F b, bool product) {
  return product ? product_is_exact<F>(a, b, F(a * b)) : sum_is_exact(a, b, F(a + b));
}

}  // namespace

TEST_CASE("exact single-precision results keep PE clear, others set it") { compare_all<float>(31'000); }
TEST_CASE("exact double-precision results keep PE clear, others set it") { compare_all<double>(32'000); }

TEST_CASE("the residual sees the last bit") {
  CHECK(exactly(3.0, 5.0, true));
  CHECK(exactly(0x1p26 + 1, 0x1p26 + 1, true));
  CHECK_FALSE(exactly(0x1p27 + 1, 0x1p27 + 1, true));
  CHECK(exactly(1.0, 0x1p-52, false));
  CHECK_FALSE(exactly(1.0, 0x1p-54, false));
  CHECK(exactly(4097.0f, 4095.0f, true));
  CHECK_FALSE(exactly(4097.0f, 4097.0f, true));
  // Where the residual of a product would be too small to be a number nobody says that it is exact.
  CHECK_FALSE(exactly(0x1p-500 * (1 + 0x1p-52), 0x1p-500 * (1 + 0x1p-52), true));
}
