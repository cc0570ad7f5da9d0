// Owns the bodies of binary addition, subtraction, comparison and logic.
#pragma once

#include <functional>

#include "cpu/exec/core/operands.h"

namespace ringside {

// dst = operation(dst, src), with flags.
template <class Dst, class Src, class Operation>
inline bool read_modify_write(Cpu& cpu, const Op& op, Operation operation) {
  typename Dst::Value a, b;
  typename Dst::Slot slot;
  if (!Src::read(cpu, op, b) || !Dst::open(cpu, op, a, slot)) [[unlikely]]
    return false;
  Dst::commit(cpu, op, slot, operation(a, b));
  return true;
}
// dst = operation(dst).
template <class Dst, class Operation>
inline bool read_modify_write(Cpu& cpu, const Op& op, Operation operation) {
  typename Dst::Value a;
  typename Dst::Slot slot;
  if (!Dst::open(cpu, op, a, slot)) [[unlikely]]
    return false;
  Dst::commit(cpu, op, slot, operation(a));
  return true;
}

template <auto operation, class Dst, class Src>
inline bool with_flags(Cpu& cpu, const Op& op) {
  return read_modify_write<Dst, Src>(cpu, op, [&](auto a, auto b) { return operation(cpu.flags, a, b); });
}
template <class D, class S>
constexpr auto add = with_flags<alu::add<typename D::Value>, D, S>;
template <class D, class S>
constexpr auto adc = with_flags<alu::adc<typename D::Value>, D, S>;
template <class D, class S>
constexpr auto sub = with_flags<alu::sub<typename D::Value>, D, S>;
template <class D, class S>
constexpr auto sbb = with_flags<alu::sbb<typename D::Value>, D, S>;

template <auto operation, class Dst, class Src>
inline bool logic(Cpu& cpu, const Op& op) {
  return read_modify_write<Dst, Src>(cpu, op, [&](auto a, auto b) {
    return alu::logic(cpu.flags, static_cast<decltype(a)>(operation(a, b)));
  });
}
template <class D, class S>
constexpr auto and_ = logic<std::bit_and<>{}, D, S>;
template <class D, class S>
constexpr auto or_ = logic<std::bit_or<>{}, D, S>;
template <class D, class S>
constexpr auto xor_ = logic<std::bit_xor<>{}, D, S>;

template <class Dst, class Src>
inline bool cmp(Cpu& cpu, const Op& op) {
  typename Dst::Value a, b;
  if (!Src::read(cpu, op, b) || !Dst::read(cpu, op, a)) [[unlikely]]
    return false;
  alu::sub(cpu.flags, a, b);
  return true;
}
template <class Dst, class Src>
inline bool test(Cpu& cpu, const Op& op) {
  typename Dst::Value a, b;
  if (!Src::read(cpu, op, b) || !Dst::read(cpu, op, a)) [[unlikely]]
    return false;
  alu::logic(cpu.flags, static_cast<typename Dst::Value>(a & b));
  return true;
}

template <class Dst>
inline bool inc(Cpu& cpu, const Op& op) {
  return read_modify_write<Dst>(cpu, op, [&](auto a) { return alu::inc(cpu.flags, a); });
}
template <class Dst>
inline bool dec(Cpu& cpu, const Op& op) {
  return read_modify_write<Dst>(cpu, op, [&](auto a) { return alu::dec(cpu.flags, a); });
}
template <class Dst>
inline bool neg(Cpu& cpu, const Op& op) {
  return read_modify_write<Dst>(cpu, op, [&](auto a) { return alu::sub(cpu.flags, decltype(a){0}, a); });
}
template <class Dst>
inline bool not_(Cpu& cpu, const Op& op) {
  return read_modify_write<Dst>(cpu, op, [](auto a) { return static_cast<decltype(a)>(~a); });
}

// ADCX and ADOX: addition with a carry flag of its own; the other flags keep.
template <class Dst, class Src>
inline bool adcx(Cpu& cpu, const Op& op) {
  return read_modify_write<Dst, Src>(cpu, op, [&](auto a, auto b) {
    LazyFlags sum = cpu.flags;
    a = alu::adc(sum, a, b);
    cpu.flags.set_cf_of(sum.cf(), cpu.flags.of());
    return a;
  });
}
template <class Dst, class Src>
inline bool adox(Cpu& cpu, const Op& op) {
  return read_modify_write<Dst, Src>(cpu, op, [&](auto a, auto b) {
    LazyFlags sum = cpu.flags;
    sum.set_cf(sum.of());
    a = alu::adc(sum, a, b);
    cpu.flags.set_cf_of(cpu.flags.cf(), sum.cf());
    return a;
  });
}

// The source is written first: where both are one register, the sum wins.
template <class Dst, class Src>
inline bool xadd(Cpu& cpu, const Op& op) {
  typename Dst::Value a, b;
  typename Dst::Slot slot;
  if (!Src::read(cpu, op, b) || !Dst::open(cpu, op, a, slot)) [[unlikely]]
    return false;
  const auto sum = alu::add(cpu.flags, a, b);
  Src::write(cpu, op, a);
  Dst::commit(cpu, op, slot, sum);
  return true;
}

// Memory is written in either case, as the manual says of the bus cycle.
template <class Dst, class Src>
inline bool cmpxchg(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T found, replacement;
  typename Dst::Slot slot;
  if (!Src::read(cpu, op, replacement) || !Dst::open(cpu, op, found, slot)) [[unlikely]]
    return false;
  const T expected = static_cast<T>(cpu.gpr[RAX]);
  alu::sub(cpu.flags, expected, found);
  if (expected == found) {
    Dst::commit(cpu, op, slot, replacement);
  } else {
    // A register keeps even its upper half.
    if constexpr (Dst::where == Where::mem) Dst::commit(cpu, op, slot, found);
    if constexpr (sizeof(T) == 4)
      cpu.gpr[RAX] = found;
    else
      cpu.reg<T>(reg::of(RAX)) = found;
  }
  return true;
}

template <class Dst>
inline bool cmpxchg8b(Cpu& cpu, const Op& op) {
  u64 found;
  typename Dst::Slot slot;
  if (!Dst::open(cpu, op, found, slot)) [[unlikely]]
    return false;
  const u64 expected = cpu.gpr[RDX] << 32 | static_cast<u32>(cpu.gpr[RAX]);
  const bool equal = expected == found;
  Dst::commit(cpu, op, slot, equal ? cpu.gpr[RCX] << 32 | static_cast<u32>(cpu.gpr[RBX]) : found);
  if (!equal) {
    cpu.gpr[RAX] = static_cast<u32>(found);
    cpu.gpr[RDX] = found >> 32;
  }
  cpu.flags.set_zf(equal);
  return true;
}
template <class Dst>
inline bool cmpxchg16b(Cpu& cpu, const Op& op) {
  const SegReg seg = static_cast<SegReg>(op.seg);
  u64 linear;
  V128 found;
  if (!Dst::address(cpu, op, AccessKind::write, linear) || !probe_write(cpu, linear, 16, seg) ||
      !load(cpu, linear, found, seg))
    return false;
  const bool equal = found.q[0] == cpu.gpr[RAX] && found.q[1] == cpu.gpr[RDX];
  if (!store(cpu, linear, equal ? V128{{cpu.gpr[RBX], cpu.gpr[RCX]}} : found, seg)) return false;
  if (!equal) {
    cpu.gpr[RAX] = found.q[0];
    cpu.gpr[RDX] = found.q[1];
  }
  cpu.flags.set_zf(equal);
  return true;
}

// BOUND: the index against a pair of signed bounds in memory.
template <class Index, class Bounds>
inline bool bound(Cpu& cpu, const Op& op) {
  using T = typename Index::Value;
  const SegReg seg = static_cast<SegReg>(op.seg);
  T index, low, high;
  u64 linear;
  if (!Index::read(cpu, op, index) || !Bounds::linear(cpu, op, 2 * sizeof(T), AccessKind::read, linear) ||
      !load(cpu, linear, low, seg) || !load(cpu, linear_after(cpu, linear, sizeof(T)), high, seg))
    return false;
  if (alu::extend(index) < alu::extend(low) || alu::extend(index) > alu::extend(high)) {
    cpu.raise(Vector::BR);
    return false;
  }
  return true;
}

}  // namespace ringside
