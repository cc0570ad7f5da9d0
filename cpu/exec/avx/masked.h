// Owns the bodies of AVX instructions that reach memory element by element: masked loads and stores, gathers.
#pragma once

#include "cpu/exec/sse/packed.h"

namespace ringside {

// Elements of 4 or 8 bytes; one takes part if the sign bit of its mask is set. The others cause no faults.
// A load gives zeros for those.
bool load_elements(Cpu& cpu, const Op& op, const u8* mask, u8* values, unsigned element, unsigned count);
bool store_elements(Cpu& cpu, const Op& op, const u8* mask, const u8* values, unsigned element,
                    unsigned count);

template <class T, class Dst, class Src>
inline bool masked_load(Cpu& cpu, const Op& op) {
  using V = typename Dst::Value;
  if (!avx_ready(cpu)) return false;
  const V mask = Dst::first(cpu, op);
  V value;
  return load_elements(cpu, op, reinterpret_cast<const u8*>(&mask), reinterpret_cast<u8*>(&value), sizeof(T),
                       sizeof(V) / sizeof(T)) &&
         Dst::write(cpu, op, value);
}
template <class T, class Dst, class Src>
inline bool masked_store(Cpu& cpu, const Op& op) {
  using V = typename Src::Value;
  if (!avx_ready(cpu)) return false;
  const V mask = Src::first(cpu, op);
  V value;
  Src::read(cpu, op, value);
  return store_elements(cpu, op, reinterpret_cast<const u8*>(&mask), reinterpret_cast<const u8*>(&value),
                        sizeof(T), sizeof(V) / sizeof(T));
}
template <class D, class S>
constexpr auto vmaskmovps_load = masked_load<u32, D, S>;
template <class D, class S>
constexpr auto vmaskmovpd_load = masked_load<u64, D, S>;
template <class D, class S>
constexpr auto vmaskmovps_store = masked_store<u32, D, S>;
template <class D, class S>
constexpr auto vmaskmovpd_store = masked_store<u64, D, S>;

// Sizes in bytes of one index and one element, and how many of them.
struct GatherShape {
  unsigned index, element, count;
};
// The destination is op.r0, the mask op.r2, the indexes are in the register op.index. On a fault the elements
// before the one that faults are there, and their masks are clear: the instruction goes on from there.
bool gather(Cpu& cpu, const Op& op, GatherShape shape);

template <unsigned index, unsigned element, unsigned count, class Dst, class Src>
inline bool gather_of(Cpu& cpu, const Op& op) {
  return avx_ready(cpu) && gather(cpu, op, {index, element, count});
}
template <class D, class S>
constexpr auto gather_dd = gather_of<4, 4, sizeof(typename D::Value) / 4, D, S>;
template <class D, class S>
constexpr auto gather_dq = gather_of<4, 8, sizeof(typename D::Value) / 8, D, S>;
template <class D, class S>
constexpr auto gather_qd = gather_of<8, 4, 2, D, S>;
template <class D, class S>
constexpr auto gather_qd_256 = gather_of<8, 4, 4, D, S>;
template <class D, class S>
constexpr auto gather_qq = gather_of<8, 8, sizeof(typename D::Value) / 8, D, S>;

}  // namespace ringside
