// Owns the bodies of BMI1 and BMI2 with a VEX prefix: bit fields, lowest bits, deposits and extracts, shifts
// and multiplications that leave the flags alone.
#pragma once

#include "cpu/exec/core/operands.h"

namespace ringside {

// Instructions with a VEX prefix are for protected mode.
inline bool vex_ready(Cpu& cpu) {
  if (cpu.mode.protected_mode) [[likely]]
    return true;
  cpu.raise(Vector::UD);
  return false;
}

// f(first source, second source) without flags: the second is Src, the first the register behind it.
template <auto function, class Dst, class Src>
inline bool without_flags(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value;
  if (!vex_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, static_cast<T>(function(cpu.reg<T>(op.r1), value)));
}
// Src and then a count: the register op.r2.
template <auto function, class Dst, class Src>
inline bool shifted_by(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value;
  if (!vex_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  const unsigned count = static_cast<unsigned>(cpu.reg<T>(op.r2)) & (alu::bits_of<T> - 1);
  return Dst::write(cpu, op, static_cast<T>(function(value, count)));
}
constexpr auto shift_left = [](auto value, unsigned count) { return value << count; };
constexpr auto shift_right = [](auto value, unsigned count) { return value >> count; };
constexpr auto shift_signed = [](auto value, unsigned count) { return alu::extend(value) >> count; };
template <class D, class S>
constexpr auto shlx = shifted_by<shift_left, D, S>;
template <class D, class S>
constexpr auto shrx = shifted_by<shift_right, D, S>;
template <class D, class S>
constexpr auto sarx = shifted_by<shift_signed, D, S>;
template <class Dst, class Src>
inline bool rorx(Cpu& cpu, const Op& op) {
  typename Dst::Value value;
  if (!vex_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, std::rotr(value, op.imm & (alu::bits_of<decltype(value)> - 1)));
}

// PDEP: the low bits of `value` go where `mask` has ones. PEXT: those that are there come out as low bits.
template <class T>
inline T deposit_bits(T value, T mask) {
  T result = 0;
  for (T bit = 1; mask; bit = static_cast<T>(bit << 1), mask &= mask - 1)
    if (value & bit) result |= mask & (T{0} - mask);
  return result;
}
template <class T>
inline T extract_bits(T value, T mask) {
  T result = 0;
  for (T bit = 1; mask; bit = static_cast<T>(bit << 1), mask &= mask - 1)
    if (value & mask & (T{0} - mask)) result |= bit;
  return result;
}
constexpr auto depositing = [](auto value, auto mask) { return deposit_bits(value, mask); };
constexpr auto extracting = [](auto value, auto mask) { return extract_bits(value, mask); };
template <class D, class S>
constexpr auto pdep = without_flags<depositing, D, S>;
template <class D, class S>
constexpr auto pext = without_flags<extracting, D, S>;

// MULX: EDX or RDX times Src; the upper half goes into the first operand, which wins if both are one
// register.
template <class Dst, class Src>
inline bool mulx(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value;
  if (!vex_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  const u128 product = static_cast<u128>(static_cast<T>(cpu.gpr[RDX])) * value;
  Gpr<1, T>::write(cpu, op, static_cast<T>(product));
  return Dst::write(cpu, op, static_cast<T>(product >> alu::bits_of<T>));
}

// The flags that the manual leaves undefined are those of a logic operation.
template <class Dst, class Src>
inline bool andn(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value;
  if (!vex_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  return Dst::write(cpu, op, alu::logic(cpu.flags, static_cast<T>(~cpu.reg<T>(op.r1) & value)));
}
// BEXTR: the low byte of the third operand is where the field begins, the next its length.
template <class Dst, class Src>
inline bool bextr(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value;
  if (!vex_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  const u64 control = cpu.reg<T>(op.r2);
  const unsigned start = control & 0xff, length = control >> 8 & 0xff;
  T field = start < alu::bits_of<T> ? static_cast<T>(value >> start) : T{0};
  if (length < alu::bits_of<T>) field &= static_cast<T>((T{1} << length) - 1);
  return Dst::write(cpu, op, alu::logic(cpu.flags, field));
}
// BZHI clears the bits from a number on; CF says that there are none.
template <class Dst, class Src>
inline bool bzhi(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value;
  if (!vex_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  const unsigned from = static_cast<u8>(cpu.reg<T>(op.r2));
  const bool beyond = from >= alu::bits_of<T>;
  if (!beyond) value &= static_cast<T>((T{1} << from) - 1);
  alu::shifted(cpu.flags, value, beyond, false);
  return Dst::write(cpu, op, value);
}

// BLSI keeps the lowest one, BLSMSK makes a mask up to it, BLSR clears it. CF says of the first that there is
// one, of the others that there is none.
template <auto function, bool carry_if_zero, class Dst, class Src>
inline bool lowest_bit(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value;
  if (!vex_ready(cpu) || !Src::read(cpu, op, value)) [[unlikely]]
    return false;
  const T result = static_cast<T>(function(value));
  alu::shifted(cpu.flags, result, (value == 0) == carry_if_zero, false);
  return Dst::write(cpu, op, result);
}
constexpr auto isolating = [](auto value) { return value & (0 - value); };
constexpr auto masking = [](auto value) { return value ^ (value - 1); };
constexpr auto resetting = [](auto value) { return value & (value - 1); };
template <class D, class S>
constexpr auto blsi = lowest_bit<isolating, false, D, S>;
template <class D, class S>
constexpr auto blsmsk = lowest_bit<masking, true, D, S>;
template <class D, class S>
constexpr auto blsr = lowest_bit<resetting, true, D, S>;

}  // namespace ringside
