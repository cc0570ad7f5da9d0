// Owns the bodies of bit tests, bit scans, bit counts and CRC32.
#pragma once

#include <functional>

#include "cpu/exec/core/address_size.h"
#include "cpu/exec/core/operands.h"

namespace ringside {

// The operand of BT and friends with a bit offset from a register: of memory it is a bit string that reaches
// 2^(size - 1) bits in both directions from the address.
template <class Dst>
struct BitString : Dst {
  static bool read_at(Cpu& cpu, const Op& op, typename Dst::Value, typename Dst::Value& value) {
    return Dst::read(cpu, op, value);
  }
  static bool open_at(Cpu& cpu, const Op& op, typename Dst::Value, typename Dst::Value& value,
                      typename Dst::Slot& slot) {
    return Dst::open(cpu, op, value, slot);
  }
};
template <class A, class T>
struct BitString<Mem<A, T>> : Mem<A, T> {
  static bool address(Cpu& cpu, const Op& op, T bit_offset, AccessKind kind, u64& linear) {
    const s64 element = alu::extend(bit_offset) >> std::countr_zero(alu::bits_of<T>);
    const u64 offset = effective_address<A>(cpu, op) + static_cast<u64>(element) * sizeof(T);
    if constexpr (A::flat) {
      linear = offset;
      return true;
    } else {
      return linearize(cpu, static_cast<SegReg>(op.seg), offset & address_mask(op), sizeof(T), kind, linear);
    }
  }
  static bool read_at(Cpu& cpu, const Op& op, T bit_offset, T& value) {
    u64 linear;
    return address(cpu, op, bit_offset, AccessKind::read, linear) &&
           load(cpu, linear, value, static_cast<SegReg>(op.seg));
  }
  static bool open_at(Cpu& cpu, const Op& op, T bit_offset, T& value, RmwSlot& slot) {
    u64 linear;
    return address(cpu, op, bit_offset, AccessKind::write, linear) &&
           open_rmw(cpu, linear, value, static_cast<SegReg>(op.seg), slot);
  }
};

// CF becomes the bit; the flags that the manual leaves undefined keep.
template <class Dst, class Src>
inline bool bt(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value, offset;
  if (!Src::read(cpu, op, offset)) return false;
  if constexpr (Src::where == Where::imm) {
    if (!Dst::read(cpu, op, value)) return false;
  } else {
    if (!BitString<Dst>::read_at(cpu, op, offset, value)) return false;
  }
  cpu.flags.set_cf((value >> (offset & (alu::bits_of<T> - 1))) & 1);
  return true;
}
template <auto operation, class Dst, class Src>
inline bool modify_bit(Cpu& cpu, const Op& op) {
  using T = typename Dst::Value;
  T value, offset;
  typename Dst::Slot slot;
  if (!Src::read(cpu, op, offset)) return false;
  if constexpr (Src::where == Where::imm) {
    if (!Dst::open(cpu, op, value, slot)) return false;
  } else {
    if (!BitString<Dst>::open_at(cpu, op, offset, value, slot)) return false;
  }
  const T mask = static_cast<T>(T{1} << (offset & (alu::bits_of<T> - 1)));
  cpu.flags.set_cf(value & mask);
  Dst::commit(cpu, op, slot, static_cast<T>(operation(value, mask)));
  return true;
}
struct AndNot {
  constexpr auto operator()(auto value, auto mask) const { return value & ~mask; }
};
template <class D, class S>
constexpr auto bts = modify_bit<std::bit_or<>{}, D, S>;
template <class D, class S>
constexpr auto btr = modify_bit<AndNot{}, D, S>;
template <class D, class S>
constexpr auto btc = modify_bit<std::bit_xor<>{}, D, S>;

// Scans of a source of 0 leave the destination as it was. The undefined flags are those of a logic operation
// whose result is the source.
template <bool from_top, class Dst, class Src>
inline bool scan_bits(Cpu& cpu, const Op& op) {
  using T = typename Src::Value;
  T value;
  if (!Src::read(cpu, op, value)) [[unlikely]]
    return false;
  alu::logic(cpu.flags, value);
  constexpr int top = alu::bits_of<T> - 1;
  const int number = from_top ? top - std::countl_zero(value) : std::countr_zero(value);
  return value == 0 || Dst::write(cpu, op, static_cast<T>(number));
}
template <class D, class S>
constexpr auto bsf = scan_bits<false, D, S>;
template <class D, class S>
constexpr auto bsr = scan_bits<true, D, S>;

// CF: the source is 0; ZF: the result is. The undefined OF and AF are cleared, SF and PF tell of the result.
template <bool from_top, class Dst, class Src>
inline bool count_zeros(Cpu& cpu, const Op& op) {
  using T = typename Src::Value;
  T value;
  if (!Src::read(cpu, op, value)) [[unlikely]]
    return false;
  const T count = static_cast<T>(from_top ? std::countl_zero(value) : std::countr_zero(value));
  alu::shifted(cpu.flags, count, value == 0, false);
  return Dst::write(cpu, op, count);
}
template <class D, class S>
constexpr auto tzcnt = count_zeros<false, D, S>;
template <class D, class S>
constexpr auto lzcnt = count_zeros<true, D, S>;
template <class Dst, class Src>
inline bool popcnt(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!Src::read(cpu, op, value)) [[unlikely]]
    return false;
  cpu.flags.set_image(value == 0 ? Eflags::ZF : 0);
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(std::popcount(value)));
}

// CRC-32C, the polynomial 11EDC6F41H bit-reflected.
constexpr auto crc32c_of_byte = [] {
  std::array<u32, 256> table{};
  for (u32 n = 0; n < 256; ++n) {
    u32 remainder = n;
    for (int i = 0; i < 8; ++i) remainder = remainder >> 1 ^ (remainder & 1 ? 0x82f63b78 : 0);
    table[n] = remainder;
  }
  return table;
}();
template <class Dst, class Src>
inline bool crc32(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  typename Dst::Value old;
  if (!Src::read(cpu, op, value)) [[unlikely]]
    return false;
  Dst::read(cpu, op, old);
  u32 remainder = static_cast<u32>(old);
  for (unsigned i = 0; i < sizeof value; ++i)
    remainder = remainder >> 8 ^ crc32c_of_byte[static_cast<u8>(remainder ^ (value >> (8 * i)))];
  return Dst::write(cpu, op, remainder);
}

}  // namespace ringside
