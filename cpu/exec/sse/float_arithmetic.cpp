// Owns the out-of-line parts of SSE arithmetic: square roots, the approximations, dot products.
#include "cpu/exec/sse/float_arithmetic.h"

#include <algorithm>
#include <cmath>

namespace ringside {

template <class F>
bool square_roots(Cpu& cpu, BitsOf<F>* lanes, unsigned count) {
  const bool rounds = host_rounds(cpu);
  bool known = host_rounds_but_for_pe(cpu);
  std::array<BitsOf<F>, 2 * FloatTraits<F>::lanes> roots{};
  for (unsigned i = 0; i < count; ++i) {
    const F x = bits_as<F>(lanes[i]);
    // Zero keeps its sign.
    known = known && ((x >= FloatTraits<F>::smallest && x <= FloatTraits<F>::largest) || x == 0);
    if (!known) break;
    const F root = std::sqrt(x), square = root * root;
    known = rounds || (square == x && product_is_exact<F>(root, root, square));
    roots[i] = bits_as<BitsOf<F>>(root);
  }
  if (known) [[likely]] {
    std::copy_n(roots.begin(), count, lanes);
    return true;
  }
  soft::Context context(cpu.vector.mxcsr);
  for (unsigned i = 0; i < count; ++i) lanes[i] = soft::sqrt(context, lanes[i]);
  return commit_mxcsr(cpu, context);
}
template bool square_roots<float>(Cpu&, u32*, unsigned);
template bool square_roots<double>(Cpu&, u64*, unsigned);

// The manual allows a relative error of 1.5 * 2^-12 and leaves the rest to the processor. Here the exact
// value is rounded to a significand of 13 bits, half away from zero: an error of at most 2^-13. Denormal
// operands count as zeros and tiny results become zeros, whatever MXCSR says; no flag is touched.
u32 approximate_reciprocal(u32 a) {
  const u32 sign = a & soft::sign_bit<u32>, m = soft::magnitude(a);
  if (soft::is_nan(a)) return a | soft::quiet_bit<u32>;
  if (m < soft::smallest_normal<u32>) return sign | soft::infinity<u32>;
  if (m == soft::infinity<u32>) return sign;
  // a = 1.f * 2^e; its reciprocal is (1 / 1.f) * 2^-e with a quotient in (0.5, 1].
  const u64 significand = (m & 0x7fffff) | 0x800000;
  u64 thirteen = ((u64{1} << 37) / significand + 1) >> 1;  // 4096 to 8192 stand for 0.5 to 1
  int result = -(static_cast<int>(m >> 23) - 127) - 1;
  if (thirteen == 1u << 13) {
    thirteen >>= 1;
    ++result;
  }
  if (result < -126) return sign;
  return sign | static_cast<u32>(result + 127) << 23 | static_cast<u32>(thirteen & 0xfff) << 11;
}

u32 approximate_reciprocal_root(u32 a) {
  const u32 sign = a & soft::sign_bit<u32>, m = soft::magnitude(a);
  if (soft::is_nan(a)) return a | soft::quiet_bit<u32>;
  if (m < soft::smallest_normal<u32>) return sign | soft::infinity<u32>;
  if (sign) return soft::default_nan<u32>;
  if (m == soft::infinity<u32>) return 0;
  // a = s * 2^(2k) with s in [1, 4): the result is (1 / sqrt(s)) * 2^-k with a factor in (0.5, 1].
  const int exponent = static_cast<int>(m >> 23) - 127;
  const int k = exponent >> 1;
  const u64 s = static_cast<u64>((m & 0x7fffff) | 0x800000) << (exponent & 1);  // units of 2^-23
  // n becomes floor(2^14 / sqrt(s)), the largest with (n / 2^14)^2 * s <= 1. Doubles come within one of it.
  constexpr u64 one = u64{1} << 51;
  u64 n = static_cast<u64>(0x1p14 / std::sqrt(static_cast<double>(s) * 0x1p-23));
  if (n * n * s > one) --n;
  if ((n + 1) * (n + 1) * s <= one) ++n;
  u64 thirteen = (n + 1) >> 1;
  int result = -k - 1;
  if (thirteen == 1u << 13) {
    thirteen >>= 1;
    ++result;
  }
  return static_cast<u32>(result + 127) << 23 | static_cast<u32>(thirteen & 0xfff) << 11;
}

bool dot_product_single(Cpu& cpu, V128* a, const V128* b, unsigned halves, u8 control) {
  std::array<LaneBits<float>, 2> products{};
  soft::Context context(cpu.vector.mxcsr);
  for (unsigned h = 0; h < halves; ++h) {
    const auto x = bits_as<LaneBits<float>>(a[h]), y = bits_as<LaneBits<float>>(b[h]);
    for (unsigned i = 0; i < 4; ++i) {
      if (control & (16u << i)) products[h][i] = soft::mul(context, x[i], y[i]);
    }
  }
  if (!commit_mxcsr(cpu, context)) return false;
  soft::Context pairs(cpu.vector.mxcsr);
  std::array<u32, 2> low{}, high{}, sum{};
  for (unsigned h = 0; h < halves; ++h) {
    low[h] = soft::add(pairs, products[h][0], products[h][1]);
    high[h] = soft::add(pairs, products[h][2], products[h][3]);
  }
  if (!commit_mxcsr(cpu, pairs)) return false;
  soft::Context sums(cpu.vector.mxcsr);
  for (unsigned h = 0; h < halves; ++h) sum[h] = soft::add(sums, low[h], high[h]);
  if (!commit_mxcsr(cpu, sums)) return false;
  for (unsigned h = 0; h < halves; ++h) {
    LaneBits<float> result{};
    for (unsigned i = 0; i < 4; ++i) {
      if (control & (1u << i)) result[i] = sum[h];
    }
    a[h] = bits_as<V128>(result);
  }
  return true;
}

bool dot_product_double(Cpu& cpu, V128* a, const V128* b, unsigned, u8 control) {
  V128 products;
  soft::Context context(cpu.vector.mxcsr);
  for (unsigned i = 0; i < 2; ++i) {
    if (control & (16u << i)) products.q[i] = soft::mul(context, a->q[i], b->q[i]);
  }
  if (!commit_mxcsr(cpu, context)) return false;
  soft::Context sums(cpu.vector.mxcsr);
  const u64 sum = soft::add(sums, products.q[0], products.q[1]);
  if (!commit_mxcsr(cpu, sums)) return false;
  for (unsigned i = 0; i < 2; ++i) a->q[i] = control & (1u << i) ? sum : 0;
  return true;
}

}  // namespace ringside
