// Owns the arithmetic of FMA: the host's where its result is known to be right, in integers elsewhere.
#include "cpu/exec/avx/fused.h"

#include <algorithm>

namespace ringside {
namespace {

template <class F, class U = BitsOf<F>>
bool fuse_lanes(Cpu& cpu, U* x, const U* y, const U* z, unsigned count, FusedSigns signs) {
  const auto negated = [&](unsigned i) { return i & 1 ? signs.odd_addend : signs.even_addend; };
  std::array<U, 32 / sizeof(U)> result{};
  bool known = host_rounds(cpu);
  for (unsigned i = 0; known && i < count; ++i) {
    const F a = bits_as<F>(x[i]), b = bits_as<F>(y[i]), c = bits_as<F>(z[i]);
    const F r = std::fma(signs.product ? -a : a, b, negated(i) ? -c : c);
    known = ordinary<F>(a) & ordinary<F>(b) & ordinary<F>(c) & inside<F>(r);
    result[i] = bits_as<U>(r);
  }
  if (!known) [[unlikely]] {
    soft::Context context(cpu.vector.mxcsr);
    for (unsigned i = 0; i < count; ++i)
      result[i] = soft::multiply_add(context, x[i], y[i], z[i], signs.product, negated(i));
    if (!commit_mxcsr(cpu, context)) return false;
  }
  std::copy_n(result.begin(), count, x);
  return true;
}

}  // namespace

bool fuse(Cpu& cpu, u32* x, const u32* y, const u32* z, unsigned count, FusedSigns signs) {
  return fuse_lanes<float>(cpu, x, y, z, count, signs);
}
bool fuse(Cpu& cpu, u64* x, const u64* y, const u64* z, unsigned count, FusedSigns signs) {
  return fuse_lanes<double>(cpu, x, y, z, count, signs);
}

}  // namespace ringside
