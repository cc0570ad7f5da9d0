// Owns the lookup of bit names by register: what debuggers, looks, explanations and gdb call a bit.
#pragma once

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

struct BitField {
  std::string_view of;  // "CR0", "IA32_EFER": the register or MSR as the manual calls it
  u8 low, high;         // both included
  std::string_view name;

  constexpr u64 mask() const { return bit_range(low, high); }
};

constexpr BitField register_bits[] = {
#define BITS(of, low, high, name) {#of, low, high, name},
#include "cpu/arch/register_bits.inc"
#undef BITS
};

// In rising order; empty for a register whose bits have no names.
constexpr std::span<const BitField> bits_of_register(std::string_view name) {
  const auto of_name = [&](const BitField& row) { return row.of == name; };
  const auto first = std::find_if(std::begin(register_bits), std::end(register_bits), of_name);
  const auto last = std::find_if_not(first, std::end(register_bits), of_name);
  return {first, last};
}

// The rows of a register stand together, rise, and do not overlap.
constexpr bool register_bits_ordered() {
  for (std::size_t n = 0; n < std::size(register_bits); ++n) {
    const BitField& row = register_bits[n];
    if (row.low > row.high || row.high > 63) return false;
    const auto own = bits_of_register(row.of);
    if (&row < own.data() || &row >= own.data() + own.size()) return false;
    if (&row != own.data() && (&row)[-1].high >= row.low) return false;
  }
  return true;
}
static_assert(register_bits_ordered());

}  // namespace ringside
